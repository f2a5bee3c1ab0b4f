//! The native ingest message and its response (`POST /api/trace-log`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    BatchSequence, DropReason, InstrumentationScope, LogRecord, Resource, Span, SpanStart,
    UnixNanos,
};

/// One message from one process: ended spans, started spans, log records, and counts of drops.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(expecting = "a batch object")]
pub struct SpanBatch {
    /// The process that sends the batch.
    #[serde(default)]
    pub resource: Resource,
    /// The instrumentation library that created the spans.
    #[serde(default)]
    pub scope: InstrumentationScope,
    /// The sender's clock, if the sender reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<ClientClock>,
    /// The sequence numbers of the sender, if it numbers its spans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<BatchSequence>,
    /// Spans that have ended.
    #[serde(default)]
    pub spans: Vec<Span>,
    /// Spans that have started and not ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub starts: Vec<SpanStart>,
    /// Log records and events, with or without a trace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<LogRecord>,
    /// The number of spans the sender dropped since its last acknowledged batch, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dropped: BTreeMap<DropReason, u64>,
}

/// The sender's clock compared with the server's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(expecting = "a clock object")]
pub struct ClientClock {
    /// The time of sending, by the sender's clock.
    #[serde(rename = "sent_at_ns")]
    pub sent_at: UnixNanos,
    /// Server time minus client time in ns, if the sender has measured it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset_ns: Option<i64>,
    /// Half the width of the interval that contains `offset_ns`, in ns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset_error_ns: Option<i64>,
}

/// The reason why one item of a batch was not stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejection {
    /// The index of the item in its list of the batch, from 0.
    pub index: usize,
    /// The error message, for people.
    pub reason: String,
}

/// The response to a batch, sent after its spans are committed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BatchAnswer {
    /// The number of newly stored spans.
    pub received: u64,
    /// The number of spans that were already stored with the same content.
    pub duplicate: u64,
    /// The spans that were not stored, with reasons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<Rejection>,
    /// The span starts that were not stored, by index in `starts`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected_starts: Vec<Rejection>,
    /// The number of newly stored events.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub received_events: u64,
    /// The number of events that were already stored with the same content.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub duplicate_events: u64,
    /// The events that were not stored, by index in `events`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected_events: Vec<Rejection>,
    /// The server's clock at the time of the response.
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
