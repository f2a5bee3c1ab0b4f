//! The meaning of the collector's response status, and the backoff before a retry.

/// The upper bound of the first wait, in ms. It doubles with each failure.
const BASE_MS: f64 = 1_000.0;
/// The upper bound of our own waits, in ms.
const CAP_MS: f64 = 60_000.0;
/// The longest `Retry-After` that is followed, in ms.
const ASKED_CAP_MS: f64 = 600_000.0;

/// The outcome of a sent batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The batch is committed.
    Stored,
    /// The collector cannot take the batch now. Keep it and retry.
    Again,
    /// The collector refused the batch as too large.
    TooBig,
    /// The collector refused the batch permanently.
    Refused,
}

/// Returns the outcome for an HTTP status. 0 means no response.
pub(crate) const fn judge(status: u16) -> Verdict {
    match status {
        200..=299 => Verdict::Stored,
        0 | 408 | 425 | 429 | 500..=599 => Verdict::Again,
        413 => Verdict::TooBig,
        _ => Verdict::Refused,
    }
}

/// Returns the time to wait after `failures` (at least one) in a row, in ms. The wait has full
/// jitter by `random` in 0..1. Its bound doubles from 1 s to 60 s. The wait is at least the
/// collector's `Retry-After`.
pub(crate) fn wait_ms(failures: u32, random: f64, asked_ms: f64) -> f64 {
    let bound = (BASE_MS * f64::from(1_u32 << failures.saturating_sub(1).min(16))).min(CAP_MS);
    (bound * random.clamp(0.0, 1.0)).max(asked_ms.clamp(0.0, ASKED_CAP_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_temporary_failures_are_retried() {
        for status in [0, 408, 425, 429, 500, 502, 503, 504] {
            assert_eq!(judge(status), Verdict::Again, "{status}");
        }
        for status in [400, 401, 403, 404, 415, 301] {
            assert_eq!(judge(status), Verdict::Refused, "{status}");
        }
        assert_eq!(judge(413), Verdict::TooBig);
        assert_eq!(judge(200), Verdict::Stored);
    }

    #[test]
    fn the_backoff_limit_doubles_from_a_second_to_a_minute() {
        let bounds: Vec<f64> = (1..9).map(|failures| wait_ms(failures, 1.0, 0.0)).collect();
        let seconds = [1e3, 2e3, 4e3, 8e3, 16e3, 32e3, 60e3, 60e3];
        assert!(bounds.iter().zip(seconds).all(|(a, b)| (a - b).abs() < 1.0));
        assert!(
            wait_ms(1, 0.0, 0.0) < 1.0,
            "full jitter reaches down to nothing"
        );
        assert!((wait_ms(u32::MAX, 1.0, 0.0) - 60e3).abs() < 1.0);
    }

    #[test]
    fn retry_after_is_followed_up_to_a_limit() {
        assert!((wait_ms(1, 0.5, 7e3) - 7e3).abs() < 1.0);
        assert!((wait_ms(1, 0.5, 1e12) - 600e3).abs() < 1.0);
    }

    #[cfg(not(target_family = "wasm"))]
    proptest::proptest! {
        #[test]
        fn a_delay_is_never_negative_or_infinite(failures: u32, random: f64, asked: f64) {
            let wait = wait_ms(failures, random, asked);
            proptest::prop_assert!((0.0..=600e3).contains(&wait));
        }
    }
}
