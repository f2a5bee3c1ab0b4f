//! The native ingest message and its answer (`POST /api/trace-log`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{BatchSequence, InstrumentationScope, LogRecord, Resource, Span, SpanStart, UnixNanos};

/// What one process sends at once: its spans that ended, those that began and have not, what else
/// happened, and what it had to drop.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(expecting = "a batch object")]
pub struct SpanBatch {
    /// Who sends.
    #[serde(default)]
    pub resource: Resource,
    /// The library that made these spans.
    #[serde(default)]
    pub scope: InstrumentationScope,
    /// What the sender knows of its clock; servers need not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<ClientClock>,
    /// Where the sender stands with its numbers, when it numbers its spans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<BatchSequence>,
    /// Spans that have ended.
    #[serde(default)]
    pub spans: Vec<Span>,
    /// Spans that have begun and not ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub starts: Vec<SpanStart>,
    /// Log records and events, of any trace or none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<LogRecord>,
    /// How many spans the sender dropped since its last acknowledged batch, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dropped: BTreeMap<DropReason, u64>,
}

/// A sender's clock against the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(expecting = "a clock object")]
pub struct ClientClock {
    /// When the batch was sent, by the sender's clock.
    #[serde(rename = "sent_at_ns")]
    pub sent_at: UnixNanos,
    /// Server time minus client time in ns, when the sender has measured it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset_ns: Option<i64>,
    /// Half the width of the interval `offset_ns` lies in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset_error_ns: Option<i64>,
}

/// Why a sender dropped spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// The sender's buffer was full.
    QueueFull,
    /// One span exceeded what a request may carry.
    TooBig,
    /// The server could not be reached for too long.
    RetriesExhausted,
    /// Sampled out.
    Unsampled,
    /// Removed by a redaction rule.
    Redacted,
    /// The server refused it.
    Rejected,
    /// A reason this version does not know.
    #[serde(other)]
    Other,
}

impl DropReason {
    /// The word on the wire and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::TooBig => "too_big",
            Self::RetriesExhausted => "retries_exhausted",
            Self::Unsampled => "unsampled",
            Self::Redacted => "redacted",
            Self::Rejected => "rejected",
            Self::Other => "other",
        }
    }
}

/// Why one span of a batch was not kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// What is wrong with it, for people.
    pub reason: String,
}

/// The answer to a batch: sent after its spans are committed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BatchAnswer {
    /// Spans newly stored.
    pub received: u64,
    /// Spans that were stored already, by content.
    pub duplicate: u64,
    /// Spans not kept, each with its reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<Rejection>,
    /// Starts not kept, by their place among the starts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected_starts: Vec<Rejection>,
    /// Events newly stored.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub received_events: u64,
    /// Events that were stored already, by content.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub duplicate_events: u64,
    /// Events not kept, by their place among the events.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected_events: Vec<Rejection>,
    /// The server's clock when it answered.
    pub server_time_ns: UnixNanos,
}

#[cfg_attr(
    not(target_pointer_width = "32"),
    expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde hands over a reference"
    )
)]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}
