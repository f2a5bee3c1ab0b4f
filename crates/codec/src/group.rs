//! Spans and events of one library of one process, as decoders hand them to the store.

use std::sync::Arc;

use throughline_wire::{
    BatchSequence, ClientClock, InstrumentationScope, LogRecord, Resource, Span, SpanStart,
};

use crate::packed::PackedSpans;

/// Who sent a group, when it numbers its spans or measured its clock.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sender {
    /// Where it stands with its numbers.
    pub sequence: Option<BatchSequence>,
    /// What it knows of its clock.
    pub clock: Option<ClientClock>,
    /// Numbers of spans that were refused before they came here.
    pub rejected: Vec<u64>,
}

/// What one library of one process made.
#[derive(Debug, Clone, Default)]
pub struct SpanGroup {
    /// The process.
    pub resource: Arc<Resource>,
    /// The library.
    pub scope: Arc<InstrumentationScope>,
    /// Its spans, validated.
    pub spans: Vec<Span>,
    /// More spans of it, in the form they are stored in; they count after `spans`.
    pub packed: PackedSpans,
    /// Its log records and events, validated.
    pub events: Vec<LogRecord>,
    /// Its spans that have begun and not ended, validated. Stored only when the sender numbers its
    /// spans: of any other nobody could tell whether it still runs.
    pub starts: Vec<SpanStart>,
    /// Who sent them, when that said more than the spans do.
    pub sender: Option<Sender>,
}

impl SpanGroup {
    /// Where its sender stands with its numbers, when it numbers.
    pub fn sequence(&self) -> Option<&BatchSequence> {
        self.sender.as_ref()?.sequence.as_ref()
    }
}
