//! Spans and events of one library in one process, which the decoders pass to the store.

use std::sync::Arc;

use throughline_wire::{
    BatchSequence, ClientClock, InstrumentationScope, LogRecord, Resource, Span, SpanStart,
};

use crate::packed::PackedSpans;

/// The sender of a group, if it numbers its spans or reports its clock.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sender {
    /// The sequence numbers of the sender.
    pub sequence: Option<BatchSequence>,
    /// The sender's clock.
    pub clock: Option<ClientClock>,
    /// The sequence numbers of spans that were rejected before.
    pub rejected: Vec<u64>,
}

/// The data of one library in one process.
#[derive(Debug, Clone, Default)]
pub struct SpanGroup {
    /// The process.
    pub resource: Arc<Resource>,
    /// The library.
    pub scope: Arc<InstrumentationScope>,
    /// The validated spans.
    pub spans: Vec<Span>,
    /// More spans of the group in their stored form. Their indexes follow those of `spans`.
    pub packed: PackedSpans,
    /// The validated log records and events.
    pub events: Vec<LogRecord>,
    /// The validated spans that have started and not ended. They are stored only if the sender
    /// numbers its spans. Without numbers, a server cannot tell whether such a span is still
    /// running.
    pub starts: Vec<SpanStart>,
    /// The sender, if it reported more than its spans.
    pub sender: Option<Sender>,
}

impl SpanGroup {
    /// Returns the sequence numbers of the sender, if it numbers its spans.
    pub fn sequence(&self) -> Option<&BatchSequence> {
        self.sender.as_ref()?.sequence.as_ref()
    }
}
