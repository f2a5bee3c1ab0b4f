//! Formats prices.

/// Formats cents as euros: `14.50 €`.
pub(crate) fn euros(cents: i64) -> String {
    let sign = if cents < 0 { "-" } else { "" };
    let cents = cents.unsigned_abs();
    format!("{sign}{}.{:02}\u{a0}€", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::euros;

    #[test]
    fn cents_always_have_two_digits() {
        assert_eq!(euros(1450), "14.50\u{a0}€");
        assert_eq!(euros(5), "0.05\u{a0}€");
        assert_eq!(euros(-205), "-2.05\u{a0}€");
    }
}
