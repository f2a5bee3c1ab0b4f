//! Converts the page's monotonic time to wall-clock time.

use throughline_wire::UnixNanos;

/// The greatest difference between wall and monotonic clock before a new anchor is set, in ms. They
/// differ when the machine sleeps or its clock is corrected.
const TOLERANCE_MS: f64 = 500.0;

/// The offset between the monotonic clock and the wall clock.
///
/// A span keeps the anchor of its start, so that its duration stays monotonic even if the wall
/// clock changes meanwhile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Anchor {
    /// Wall-clock time at monotonic zero, in ms since the Unix epoch.
    zero_ms: f64,
}

impl Anchor {
    /// Creates the anchor for which `wall_ms` and `now_ms` are the same moment.
    pub(crate) fn new(wall_ms: f64, now_ms: f64) -> Self {
        Self {
            zero_ms: wall_ms - now_ms,
        }
    }

    /// Returns this anchor, or a new one if the clocks differ by more than the tolerance.
    pub(crate) fn checked(self, wall_ms: f64, now_ms: f64) -> Self {
        let seen = Self::new(wall_ms, now_ms);
        if (seen.zero_ms - self.zero_ms).abs() > TOLERANCE_MS {
            seen
        } else {
            self
        }
    }

    /// Converts the monotonic time `at_ms` to wall-clock time.
    pub(crate) fn stamp(self, at_ms: f64) -> UnixNanos {
        // Split whole ms and fraction before scaling: a double holds today's milliseconds only to
        // about 200 ns.
        let whole_ms = self.zero_ms.floor() + at_ms.floor();
        let rest_ms = self.zero_ms - self.zero_ms.floor() + at_ms - at_ms.floor();
        let rest_ns = (rest_ms * UnixNanos::PER_MILLI as f64).round() as i64;
        UnixNanos::new((whole_ms as i64).saturating_mul(UnixNanos::PER_MILLI))
            .saturating_add(rest_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_the_anchor_plus_the_monotonic_time() {
        let anchor = Anchor::new(1_700_000_000_123.0, 23.0);
        assert_eq!(anchor.stamp(0.0).get(), 1_700_000_000_100_000_000);
        assert_eq!(anchor.stamp(1.25).get(), 1_700_000_000_101_250_000);
    }

    #[test]
    fn the_anchor_moves_after_a_sleep_but_not_for_small_differences() {
        let anchor = Anchor::new(1_000_000.0, 0.0);
        assert_eq!(anchor.checked(1_010_400.0, 10_000.0), anchor);
        assert_eq!(
            anchor.checked(9_000_000.0, 10_000.0),
            Anchor::new(9_000_000.0, 10_000.0)
        );
    }

    #[cfg(not(target_family = "wasm"))]
    proptest::proptest! {
        #[test]
        fn timestamps_never_decrease(wall in 0.0..4e12_f64, a in 0.0..1e9_f64, b in 0.0..1e9_f64) {
            let anchor = Anchor::new(wall, 0.0);
            let (early, late) = if a <= b { (a, b) } else { (b, a) };
            proptest::prop_assert!(anchor.stamp(early) <= anchor.stamp(late));
        }

        #[test]
        fn any_clock_value_gives_a_timestamp(wall: f64, at: f64) {
            let _ = Anchor::new(wall, 0.0).checked(at, wall).stamp(at);
        }
    }
}
