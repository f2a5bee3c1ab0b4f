//! The delay before a retry.

use std::time::Duration;

/// Exponential backoff with full jitter: a random delay up to a limit that doubles with each
/// attempt (Brooker, "Exponential Backoff And Jitter", 2015).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    /// The limit after the first failure.
    pub(crate) first: Duration,
    /// The largest limit.
    pub(crate) most: Duration,
}

impl Backoff {
    /// The longest `Retry-After` that is respected.
    const MOST_ASKED: Duration = Duration::from_mins(5);

    /// Returns the delay after `failures` failures in a row, at least the delay the collector asked
    /// for. All bits of `random` must be random.
    pub(crate) fn wait(self, failures: u32, asked: Option<Duration>, random: u64) -> Duration {
        let doubled = 2_u32.saturating_pow(failures.saturating_sub(1).min(20));
        let bound = self.first.saturating_mul(doubled).min(self.most);
        let share = random as f64 / u64::MAX as f64;
        let wait = bound.mul_f64(share.clamp(0.0, 1.0));
        wait.max(asked.unwrap_or_default().min(Self::MOST_ASKED))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff {
        first: Duration::from_secs(1),
        most: Duration::from_mins(1),
    };

    #[test]
    fn the_backoff_limit_doubles_up_to_the_maximum() {
        let bounds: Vec<_> = (1..=8)
            .map(|failures| BACKOFF.wait(failures, None, u64::MAX).as_secs())
            .collect();
        assert_eq!(bounds, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(BACKOFF.wait(u32::MAX, None, u64::MAX).as_secs(), 60);
        assert_eq!(BACKOFF.wait(3, None, 0), Duration::ZERO);
    }

    #[test]
    fn the_retry_after_of_the_collector_is_followed_up_to_a_limit() {
        let asked = |secs| {
            BACKOFF
                .wait(1, Some(Duration::from_secs(secs)), 0)
                .as_secs()
        };
        assert_eq!(asked(7), 7);
        assert_eq!(asked(86_400), 300);
    }
}
