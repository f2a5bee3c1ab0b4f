//! Formats durations: `1.24 s`, `38.0 ms`, `12 s ago`.

use throughline_wire::UnixNanos;

const SECOND: i64 = UnixNanos::PER_SECOND;

/// Formats a duration with three significant digits: `640 ns`, `38.0 ms`, `1.24 s`. From one minute
/// on, uses two units: `2 min 05 s`, `3 h 07 min`, `4 d 11 h`.
pub fn format_duration(ns: i64) -> String {
    if ns < 0 {
        return format!("-{}", format_duration(ns.saturating_neg()));
    }
    // Use the next unit if the number would round up to four digits.
    for (unit, unit_ns) in [("ns", 1_i64), ("µs", 1_000), ("ms", 1_000_000)] {
        let value = ns as f64 / unit_ns as f64;
        if value < 999.5 {
            let whole = unit_ns == 1;
            return format!(
                "{} {unit}",
                if whole {
                    ns.to_string()
                } else {
                    three_digits(value)
                }
            );
        }
    }
    let seconds = ns as f64 / SECOND as f64;
    if seconds < 59.95 {
        return format!("{} s", three_digits(seconds));
    }
    let seconds = ns.saturating_add(SECOND / 2) / SECOND;
    let (minutes, hours) = (seconds / 60, seconds / 3_600);
    if minutes < 60 {
        format!("{minutes} min {:02} s", seconds % 60)
    } else if hours < 24 {
        format!("{hours} h {:02} min", minutes % 60)
    } else {
        format!("{} d {:02} h", hours / 24, hours % 24)
    }
}

fn three_digits(value: f64) -> String {
    if value < 9.995 {
        format!("{value:.2}")
    } else if value < 99.95 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

/// Formats the time since `then`: `12 s ago`, `3 min ago`, `2 d ago`. A future time reads `in 5 s`.
pub fn format_ago(then: UnixNanos, now: UnixNanos) -> String {
    let ns = now.since(then);
    let seconds = ns.unsigned_abs() / SECOND.unsigned_abs();
    let length = match seconds {
        0 => return "just now".to_owned(),
        1..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    };
    if ns < 0 {
        format!("in {length}")
    } else {
        format!("{length} ago")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_significant_digits() {
        for (ns, text) in [
            (0, "0 ns"),
            (640, "640 ns"),
            (1_000, "1.00 µs"),
            (640_400, "640 µs"),
            (999_600, "1.00 ms"),
            (38_000_000, "38.0 ms"),
            (9_400_000, "9.40 ms"),
            (9_996_000, "10.0 ms"),
            (999_600_000, "1.00 s"),
            (1_240_000_000, "1.24 s"),
            (59_960_000_000, "1 min 00 s"),
            (125_000_000_000, "2 min 05 s"),
            (
                3 * UnixNanos::PER_HOUR + 7 * UnixNanos::PER_MINUTE,
                "3 h 07 min",
            ),
            (
                4 * UnixNanos::PER_DAY + 11 * UnixNanos::PER_HOUR,
                "4 d 11 h",
            ),
            (-1_240_000_000, "-1.24 s"),
        ] {
            assert_eq!(format_duration(ns), text, "{ns}");
        }
        assert!(format_duration(i64::MAX).ends_with('h'));
        assert!(format_duration(i64::MIN).starts_with('-'));
    }

    #[test]
    fn times_are_relative_to_now() {
        let now = UnixNanos::new(1_000_000 * SECOND);
        let ago = |seconds: i64| format_ago(now.saturating_add(-seconds * SECOND), now);
        assert_eq!(ago(0), "just now");
        assert_eq!(ago(12), "12 s ago");
        assert_eq!(ago(200), "3 min ago");
        assert_eq!(ago(7_300), "2 h ago");
        assert_eq!(ago(900_000), "10 d ago");
        assert_eq!(ago(-5), "in 5 s");
    }
}
