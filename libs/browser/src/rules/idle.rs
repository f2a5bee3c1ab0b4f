//! Detects the end of an interaction or a page view: nothing has happened for a while.

/// The idle time after which an interaction is over, in ms.
const IDLE_MS: f64 = 100.0;
/// The longest duration of an interaction, in ms.
const MAX_MS: f64 = 10_000.0;

/// The idle detector of one interaction. Times are monotonic ms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct IdleDetector {
    began_ms: f64,
    last_ms: f64,
    /// The last time at which its own code was known to run. The page may be busy for long before
    /// and between the events that report it.
    running_ms: f64,
    pending: u32,
    happened: bool,
}

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum IdleCheck {
    /// The interaction ended at this time.
    Over(f64),
    /// Check again after this time, in ms.
    Again(f64),
}

impl IdleDetector {
    /// Creates the detector of an interaction that began at `began_ms`. It is noticed at `now_ms`,
    /// which is later if the page was busy.
    pub(crate) const fn new(began_ms: f64, now_ms: f64) -> Self {
        Self {
            began_ms,
            last_ms: began_ms,
            running_ms: now_ms,
            pending: 0,
            happened: false,
        }
    }

    /// Notes that code of the interaction runs now, however long it has been running.
    pub(crate) const fn running(&mut self, now_ms: f64) {
        self.running_ms = self.running_ms.max(now_ms);
    }

    /// Notes that work caused by the interaction has begun.
    pub(crate) fn began(&mut self, now_ms: f64) {
        self.pending += 1;
        self.noted(now_ms);
    }

    /// Notes that work caused by the interaction has ended.
    pub(crate) fn ended(&mut self, now_ms: f64) {
        self.pending = self.pending.saturating_sub(1);
        self.noted(now_ms);
    }

    /// Notes an event without duration.
    pub(crate) fn noted(&mut self, now_ms: f64) {
        self.happened = true;
        self.last_ms = self.last_ms.max(now_ms);
    }

    /// Reports whether anything has happened since the start.
    pub(crate) const fn has_happened(&self) -> bool {
        self.happened
    }

    /// Returns the end time of the interaction if it were ended now.
    pub(crate) fn end_ms(&self, now_ms: f64) -> f64 {
        if self.pending > 0 {
            now_ms
        } else {
            self.last_ms
        }
    }

    /// Checks whether the interaction is over.
    pub(crate) fn check(&self, now_ms: f64) -> IdleCheck {
        let left_ms = self.began_ms + MAX_MS - now_ms;
        if left_ms <= 0.0 {
            return IdleCheck::Over(self.end_ms(self.began_ms + MAX_MS));
        }
        let idle_left_ms = self.last_ms.max(self.running_ms) + IDLE_MS - now_ms;
        if self.pending > 0 {
            IdleCheck::Again(left_ms.min(IDLE_MS))
        } else if idle_left_ms <= 0.0 {
            IdleCheck::Over(self.last_ms)
        } else {
            IdleCheck::Again(left_ms.min(idle_left_ms))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interaction_ends_after_100_ms_without_activity() {
        let idle = IdleDetector::new(1_000.0, 1_000.0);
        assert_eq!(idle.check(1_050.0), IdleCheck::Again(50.0));
        assert_eq!(idle.check(1_100.0), IdleCheck::Over(1_000.0));
        assert!(!idle.has_happened());
    }

    #[test]
    fn pending_work_keeps_an_interaction_open_and_idle_time_is_not_counted() {
        let mut idle = IdleDetector::new(0.0, 0.0);
        idle.began(10.0);
        assert_eq!(idle.check(2_000.0), IdleCheck::Again(100.0));
        idle.ended(2_500.0);
        assert_eq!(idle.check(2_550.0), IdleCheck::Again(50.0));
        assert_eq!(idle.check(2_700.0), IdleCheck::Over(2_500.0));
    }

    #[test]
    fn a_busy_page_does_not_end_an_interaction_early() {
        let mut idle = IdleDetector::new(0.0, 400.0);
        assert_eq!(idle.check(400.0), IdleCheck::Again(100.0));
        idle.running(700.0);
        assert_eq!(idle.check(700.0), IdleCheck::Again(100.0));
        assert_eq!(idle.check(800.0), IdleCheck::Over(0.0));
    }

    #[test]
    fn an_interaction_ends_after_ten_seconds_at_most() {
        let mut idle = IdleDetector::new(0.0, 0.0);
        idle.began(1.0);
        assert_eq!(idle.check(9_950.0), IdleCheck::Again(50.0));
        assert_eq!(idle.check(12_000.0), IdleCheck::Over(10_000.0));
    }

    #[cfg(not(target_family = "wasm"))]
    proptest::proptest! {
        #[test]
        fn an_interaction_always_ends_within_its_maximum_duration(
            steps in proptest::collection::vec((0.0..300.0_f64, 0..3_u8), 0..200),
        ) {
            let mut idle = IdleDetector::new(0.0, 0.0);
            let mut now = 0.0;
            for (pause, kind) in steps {
                now += pause;
                match kind {
                    0 => idle.began(now),
                    1 => idle.ended(now),
                    _ => idle.noted(now),
                }
                if now >= MAX_MS {
                    break;
                }
            }
            let mut looks = 0;
            let over = loop {
                match idle.check(now) {
                    IdleCheck::Over(at) => break at,
                    IdleCheck::Again(wait) => {
                        proptest::prop_assert!(wait > 0.0);
                        now += wait;
                    }
                }
                looks += 1;
                proptest::prop_assert!(looks < 500);
            };
            proptest::prop_assert!((0.0..=MAX_MS + 300.0).contains(&over));
        }
    }
}
