//! Parses and formats durations as people write them.

use throughline_wire::UnixNanos;

use crate::query::quoted;

const UNITS: [(&str, i64); 6] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", UnixNanos::PER_MILLI),
    ("s", UnixNanos::PER_SECOND),
    ("m", UnixNanos::PER_MINUTE),
    ("h", UnixNanos::PER_HOUR),
];

/// Parses a duration such as `500ms`, `1.5s` or `2 m` and returns it in ns. A number without a unit
/// is in milliseconds.
///
/// # Errors
/// Returns a sentence for the user that says what is accepted.
pub fn parse_duration_ns(text: &str) -> Result<i64, String> {
    let wrong = || {
        let text = quoted(text);
        format!("{text} is not a number with a unit such as 500ms or 1.5s")
    };
    let unit_at = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let unit = match unit.trim() {
        "" => "ms",
        "µs" | "μs" => "us",
        unit => unit,
    };
    let (_, unit_ns) = UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .ok_or_else(wrong)?;
    if let Ok(whole) = number.parse::<i64>() {
        return whole.checked_mul(*unit_ns).ok_or_else(wrong);
    }
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let ns = number * *unit_ns as f64;
    if ns.is_finite() && ns < i64::MAX as f64 {
        Ok(ns.round() as i64)
    } else {
        Err(wrong())
    }
}

/// Formats a duration in ns exactly, in its largest whole unit: `500ms`, `1500ms`, `2s`.
pub fn format_duration_ns(ns: i64) -> String {
    let (unit, unit_ns) = UNITS
        .iter()
        .rev()
        .find(|(_, unit_ns)| ns >= *unit_ns && ns % unit_ns == 0)
        .unwrap_or(&UNITS[0]);
    format!("{}{unit}", ns / unit_ns)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_duration_text_is_read_or_refused(text in "\\PC{0,16}") {
            let _ = parse_duration_ns(&text);
        }
    }

    #[test]
    fn durations_take_units_and_fractions() {
        assert_eq!(parse_duration_ns("500ms"), Ok(500_000_000));
        assert_eq!(parse_duration_ns("1.5s"), Ok(1_500_000_000));
        assert_eq!(parse_duration_ns("250"), Ok(250_000_000));
        assert_eq!(parse_duration_ns("10 µs"), Ok(10_000));
        for text in ["", "fast", "-1s", "1y", "1e400s", "99999999999h", "1.2.3s"] {
            assert!(parse_duration_ns(text).is_err(), "{text:?}");
        }
    }
}
