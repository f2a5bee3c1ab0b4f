//! Formats numbers for people.

/// Formats a count with separators: `1,204`.
pub fn format_count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Formats a number of bytes in decimal units with at least two digits: `1.2 MB`.
pub fn format_bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 999.5 {
            let digits = usize::from(unit != "B" && value < 99.95);
            return format!("{value:.digits$} {unit}");
        }
        value /= 1_000.0;
    }
    format!("{value:.1} TB")
}

/// Formats `part` of `whole` as a percentage: `2.5 %`, `13 %`. A share above zero never reads
/// `0 %`, and a share below one never reads `100 %`.
pub fn format_percent(part: u64, whole: u64) -> String {
    if part == 0 || whole == 0 {
        return "0 %".to_owned();
    }
    let percent = part as f64 / whole as f64 * 100.0;
    match percent {
        percent if percent < 0.1 => "< 0.1 %".to_owned(),
        percent if percent < 9.95 => format!("{percent:.1} %"),
        percent if part < whole && percent > 99.0 => "> 99 %".to_owned(),
        percent => format!("{percent:.0} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        let texts = [0, 12, 999, 1_204, 10_000, 1_234_567].map(format_count);
        assert_eq!(texts, ["0", "12", "999", "1,204", "10,000", "1,234,567"]);
    }

    #[test]
    fn shares_are_honest_at_both_ends() {
        assert_eq!(format_percent(0, 10), "0 %");
        assert_eq!(format_percent(3, 0), "0 %");
        assert_eq!(format_percent(1, 10_000), "< 0.1 %");
        assert_eq!(format_percent(1, 40), "2.5 %");
        assert_eq!(format_percent(13, 100), "13 %");
        assert_eq!(format_percent(9_999, 10_000), "> 99 %");
        assert_eq!(format_percent(10, 10), "100 %");
    }

    #[test]
    fn bytes_have_the_unit_that_fits() {
        for (bytes, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (99_960, "100 kB"),
            (999_999, "1.0 MB"),
            (1_250_000_000, "1.2 GB"),
            (3_400_000_000_000, "3.4 TB"),
        ] {
            assert_eq!(format_bytes(bytes), text);
        }
    }
}
