//! The state of spans that began and did not end.

use serde::{Deserialize, Serialize};
use throughline_wire::UnixNanos;

/// The time after which a silent process counts as dead: 30 s, in ns. A process with open spans
/// reports at least every 10 s.
pub const SILENCE_NS: i64 = 30 * UnixNanos::PER_SECOND;

/// The state of a span that has begun and has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenFate {
    /// The span still runs.
    Running,
    /// The process sent its final report while the span ran.
    ProcessEnded,
    /// The process stopped reporting while the span ran.
    ProcessDied,
}

impl OpenFate {
    /// Returns the state of the open spans of a process, as of `now`.
    pub fn of_process(has_ended: bool, last_seen: UnixNanos, now: UnixNanos) -> Self {
        if has_ended {
            Self::ProcessEnded
        } else if now.since(last_seen) > SILENCE_NS {
            Self::ProcessDied
        } else {
            Self::Running
        }
    }
}
