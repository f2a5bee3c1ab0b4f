//! How long traces are kept, and what a run of retention removed or would remove.

use serde::{Deserialize, Serialize};
use throughline_wire::{TraceId, UnixNanos};

/// How long what is kept. A trace's age counts from its end, by its sender's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionRules {
    /// Traces without error or warning, and events without a trace. Default 7 days.
    pub ok_ns: i64,
    /// Traces with a failed span or an event of severity WARN or more. Default 30 days.
    pub error_ns: i64,
    /// Rollups. Default 180 days.
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
    /// The time for which the spans of every trace are kept, whether it failed or not.
    pub fn spans_ns(&self) -> i64 {
        self.ok_ns.min(self.error_ns)
    }

    /// Everything goes after the same time, as in development.
    pub const fn all(ns: i64) -> Self {
        Self {
            ok_ns: ns,
            error_ns: ns,
            rollup_ns: ns,
        }
    }
}

/// Traces and spans that one rule removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Removed {
    /// How many traces.
    pub trace_count: u64,
    /// How many spans they have.
    pub span_count: u64,
}

/// What becomes of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartitionStep {
    /// Nothing in it is kept.
    Drop,
    /// Its kept rows move to a new table that takes its place.
    Rewrite,
}

/// A partition that retention frees.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionChange {
    /// Its table.
    pub table: String,
    /// What becomes of it.
    pub step: PartitionStep,
    /// Bytes it gives back; an estimate where it is rewritten in a dry run.
    pub freed_bytes: u64,
}

/// What a run of retention removed, or would.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RetentionReport {
    /// Whether nothing was touched.
    pub is_dry_run: bool,
    /// Traces without error or warning.
    pub ok: Removed,
    /// Traces with an error or a warning.
    pub error: Removed,
    /// Traces that went because their day did, to stay within the size budget.
    pub budget: Removed,
    /// Rows of rollups.
    pub rollup_count: u64,
    /// Partitions dropped or rewritten.
    pub partitions: Vec<PartitionChange>,
    /// Days that could not be worked on because others held them; the next run does.
    pub postponed_days: u64,
}

impl RetentionReport {
    /// Bytes of all partitions that go.
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
    /// Why, in somebody's words.
    pub note: String,
    /// Since when.
    #[serde(rename = "pinned_at_ns")]
    pub pinned_at: UnixNanos,
}

impl Pin {
    /// The longest note, in characters.
    pub const MAX_NOTE_CHARS: usize = 1_000;

    /// A note as it is kept: without the space around it.
    ///
    /// # Errors
    /// A sentence for people when it is longer than [`Self::MAX_NOTE_CHARS`] or has the character
    /// NUL, which is never stored.
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
