//! Warns the service about lost or late spans through `tracing`, at most once a minute.

use std::time::{Duration, Instant};

use super::Stats;

/// A rate-limited warning.
#[derive(Debug, Default)]
pub(crate) struct Notice {
    last: Option<Instant>,
    lost: u64,
}

impl Notice {
    const EVERY: Duration = Duration::from_mins(1);

    /// Warns with the reason `why` and the number of lost spans so far.
    pub(crate) fn warn(&mut self, why: &str, stats: &Stats) {
        if !self.is_due() {
            return;
        }
        let lost: u64 = stats.dropped.values().sum();
        tracing::warn!(
            target: "throughline",
            queued = stats.queued,
            lost,
            "cannot send spans to the collector: {why}"
        );
        self.lost = lost;
    }

    /// Warns if spans were lost since the last warning.
    pub(crate) fn warn_of_losses(&mut self, stats: &Stats) {
        let lost: u64 = stats.dropped.values().sum();
        if lost > self.lost && self.is_due() {
            let reasons: Vec<_> = stats
                .dropped
                .iter()
                .map(|(reason, spans)| format!("{} {}", spans, reason.as_str()))
                .collect();
            tracing::warn!(
                target: "throughline",
                lost,
                "spans were lost: {}",
                reasons.join(", ")
            );
            self.lost = lost;
        }
    }

    fn is_due(&mut self) -> bool {
        let now = Instant::now();
        let due = self
            .last
            .is_none_or(|last| now.duration_since(last) >= Self::EVERY);
        if due {
            self.last = Some(now);
        }
        due
    }
}
