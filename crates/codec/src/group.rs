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
    /// Returns the number of spans, of both kinds.
    pub fn span_count(&self) -> usize {
        self.spans.len() + self.packed.len()
    }

    /// Returns true if there is nothing to store.
    pub fn is_empty(&self) -> bool {
        let is_quiet = self.starts.is_empty() && self.sender.is_none();
        self.span_count() == 0 && self.events.is_empty() && is_quiet
    }

    /// Splits the group before the span at index `spans` and the log record at index `events`. The
    /// starts and the sender stay in the first part, so that they are stored once.
    #[must_use]
    pub fn split_at(self, spans: usize, events: usize) -> (Self, Self) {
        // Names each field, so that the split of a new one is not forgotten.
        let Self {
            resource,
            scope,
            spans: mut first_spans,
            packed: mut first_packed,
            events: mut first_events,
            starts,
            sender,
        } = self;
        let rest = Self {
            resource: Arc::clone(&resource),
            scope: Arc::clone(&scope),
            packed: first_packed.split_off(spans.saturating_sub(first_spans.len())),
            spans: first_spans.split_off(spans.min(first_spans.len())),
            events: first_events.split_off(events.min(first_events.len())),
            starts: Vec::new(),
            sender: None,
        };
        let first = Self {
            resource,
            scope,
            spans: first_spans,
            packed: first_packed,
            events: first_events,
            starts,
            sender,
        };
        (first, rest)
    }

    /// Returns the sequence numbers of the sender, if it numbers its spans.
    pub fn sequence(&self) -> Option<&BatchSequence> {
        self.sender.as_ref()?.sequence.as_ref()
    }
}
