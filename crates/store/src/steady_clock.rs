//! Measures how long the clock of this server has run without a step.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use throughline_wire::UnixNanos;
use tokio::time::Instant;

/// The largest difference from the monotonic clock that is not a step, in ns.
const MAX_DRIFT_NS: u64 = UnixNanos::PER_MINUTE.unsigned_abs();

/// Compares the clock of this server with the monotonic clock of its process.
#[derive(Debug, Default)]
pub(crate) struct SteadyClock {
    /// An instant and the time that the clock showed then: at the first call or at its last step.
    since: Mutex<Option<(Instant, UnixNanos)>>,
}

impl SteadyClock {
    /// Returns how long the clock has run without a step; it shows `now` at the instant `at`. Zero at
    /// the first call.
    pub(crate) fn steady_for(&self, at: Instant, now: UnixNanos) -> Duration {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let (began_at, began) = *since.get_or_insert((at, now));
        let elapsed = at.saturating_duration_since(began_at);
        let elapsed_ns = i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX);
        let expected = began.saturating_add(elapsed_ns);
        if expected.get().abs_diff(now.get()) > MAX_DRIFT_NS {
            *since = Some((at, now));
            return Duration::ZERO;
        }
        elapsed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_steady_from_its_last_step_on() {
        let clock = SteadyClock::default();
        let start = Instant::now();
        let steady = |minutes: u64, shown: i64| {
            let at = start + Duration::from_mins(minutes);
            let now = UnixNanos::new(1_800_000_000_000_000_000);
            let now = now.saturating_add(shown * UnixNanos::PER_MINUTE);
            clock.steady_for(at, now).as_secs() / 60
        };
        assert_eq!(steady(0, 0), 0);
        assert_eq!(steady(50, 50), 50);
        // A small correction is no step.
        assert_eq!(steady(60, 61), 60);
        let year = 365 * 24 * 60;
        for ahead in [year, -year, 2] {
            assert_eq!(steady(70, 70 + ahead), 0, "{ahead}");
            assert_eq!(steady(90, 90 + ahead), 20, "{ahead}");
        }
    }
}
