//! What became of spans that began and did not end.

use serde::{Deserialize, Serialize};
use throughline_wire::UnixNanos;

/// A process with open spans says something at least every 10 s; one that said nothing for this
/// long has died.
pub const SILENCE_NS: i64 = 30 * UnixNanos::PER_SECOND;

/// What became of a span that has begun and not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenFate {
    /// It runs.
    Running,
    /// Its process said goodbye while it ran.
    ProcessEnded,
    /// Its process fell silent while it ran.
    ProcessDied,
}

impl OpenFate {
    /// What became of the open spans of a process, as of `now`.
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
