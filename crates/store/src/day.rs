//! Calculates the UTC day of a time.

use throughline_wire::UnixNanos;

/// Returns the start of the UTC day of `instant_ns`, in Unix nanoseconds; saturates at the least
/// `i64`.
pub(crate) fn day_ns(instant_ns: i64) -> i64 {
    instant_ns
        .div_euclid(UnixNanos::PER_DAY)
        .saturating_mul(UnixNanos::PER_DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_utc_on_both_sides_of_the_epoch() {
        let day = UnixNanos::PER_DAY;
        assert_eq!(day_ns(0), 0);
        assert_eq!(day_ns(day - 1), 0);
        assert_eq!(day_ns(day), day);
        assert_eq!(day_ns(-1), -day);
        assert_eq!(day_ns(i64::MIN), i64::MIN);
    }
}
