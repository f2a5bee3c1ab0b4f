//! Retention: the rules for how long traces are stored, and the report of a run.

use serde::{Deserialize, Serialize};
use throughline_wire::{TraceId, UnixNanos};

/// The maximum age of each kind of data, in ns. The age of a trace counts from its end, by its
/// sender's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionRules {
    /// Traces without error or warning, and events without a trace. Default: 7 days.
    pub ok_ns: i64,
    /// Traces with a failed span or an event of severity WARN or more. Default: 30 days.
    pub error_ns: i64,
    /// Rollups. Default: 180 days.
    pub rollup_ns: i64,
}

impl Default for RetentionRules {
    fn default() -> Self {
        Self {
            ok_ns: 7 * UnixNanos::PER_DAY,
            error_ns: 30 * UnixNanos::PER_DAY,
            rollup_ns: 180 * UnixNanos::PER_DAY,
        }
    }
}

impl RetentionRules {
    /// Returns the time for which the spans of every trace are stored, failed or not.
    pub fn spans_ns(&self) -> i64 {
        self.ok_ns.min(self.error_ns)
    }

    /// Returns rules that remove all data after the same time, as development set-ups use.
    pub const fn all(ns: i64) -> Self {
        Self {
            ok_ns: ns,
            error_ns: ns,
            rollup_ns: ns,
        }
    }
}

/// The traces and spans that one rule removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Removed {
    /// The number of traces.
    pub trace_count: u64,
    /// The number of their spans.
    pub span_count: u64,
}

/// The way in which retention frees a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartitionStep {
    /// The partition is dropped: none of its rows stays.
    Drop,
    /// The remaining rows move to a new table that replaces it.
    Rewrite,
}

/// A partition that retention frees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionChange {
    /// The name of its table.
    pub table: String,
    /// The way in which it is freed.
    pub step: PartitionStep,
    /// The number of bytes freed; an estimate if a dry run would rewrite the partition.
    pub freed_bytes: u64,
}

/// The report of a retention run: what it removed, or would remove.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RetentionReport {
    /// True if nothing was changed.
    pub is_dry_run: bool,
    /// Traces without error or warning.
    pub ok: Removed,
    /// Traces with an error or a warning.
    pub error: Removed,
    /// Traces that were removed with their whole day to stay within the size budget.
    pub budget: Removed,
    /// The number of rollup rows.
    pub rollup_count: u64,
    /// The partitions that were dropped or rewritten.
    pub partitions: Vec<PartitionChange>,
    /// The number of days that were locked by others. The next run works on them.
    pub postponed_days: u64,
}

impl RetentionReport {
    /// Returns the number of bytes that all these partitions free.
    pub fn freed_bytes(&self) -> u64 {
        let freed = self.partitions.iter().map(|change| change.freed_bytes);
        freed.sum()
    }
}

/// A trace that no rule removes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// The trace.
    pub trace_id: TraceId,
    /// The reason, as a user wrote it.
    pub note: String,
    /// The time at which it was pinned.
    #[serde(rename = "pinned_at_ns")]
    pub pinned_at: UnixNanos,
}

impl Pin {
    /// The maximum length of a note, in characters.
    pub const MAX_NOTE_CHARS: usize = 1_000;

    /// Returns a note as it is stored: without the spaces around it.
    ///
    /// # Errors
    /// Returns a sentence for the user if the note is longer than [`Self::MAX_NOTE_CHARS`] or has
    /// the character NUL, which is never stored.
    pub fn note(text: &str) -> Result<String, String> {
        let text = text.trim();
        if text.chars().count() > Self::MAX_NOTE_CHARS || text.contains('\0') {
            return Err(format!(
                "the note has more than {} characters, or the character NUL",
                Self::MAX_NOTE_CHARS
            ));
        }
        Ok(text.to_owned())
    }
}
