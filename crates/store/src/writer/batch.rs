//! What is handed to the writer and what it answers.

pub use throughline_codec::group::{Sender, SpanGroup};
use throughline_wire::{Rejection, TenantId};

/// The spans and events of one request, committed together where possible.
#[derive(Debug, Clone)]
pub struct WriteBatch {
    /// Whose they are: from the key of the request, never from its body.
    pub tenant: TenantId,
    /// Spans and events by who made them; an OTLP request has several resources and scopes.
    pub groups: Vec<SpanGroup>,
}

impl WriteBatch {
    /// How many spans it holds.
    pub fn span_count(&self) -> usize {
        let spans = |group: &SpanGroup| group.spans.len() + group.packed.len();
        self.groups.iter().map(spans).sum()
    }

    /// How many log records and events it holds.
    pub fn event_count(&self) -> usize {
        self.groups.iter().map(|group| group.events.len()).sum()
    }

    /// Whether there is nothing in it to store; what a process says of its numbers is something.
    pub fn is_empty(&self) -> bool {
        self.span_count() == 0
            && self.event_count() == 0
            && !self.groups.iter().any(|group| group.sequence().is_some())
    }
}

/// What became of a batch: every span of it is counted in exactly one of the three, and what is
/// received is committed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WriteOutcome {
    /// Spans newly stored.
    pub received: u64,
    /// Spans that were stored already with the same content, or occur again in the batch.
    pub duplicate: u64,
    /// Spans the database cannot hold; an index counts through the groups in order, from 0.
    pub rejected: Vec<Rejection>,
    /// Starts of senders that number that are not stored, because their traces have as many open
    /// spans as a trace may have; an index counts through the starts of the groups in order, from 0.
    pub rejected_starts: Vec<Rejection>,
    /// The same for its log records and events.
    pub events: EventOutcome,
}

/// What became of the events of a batch, counted as its spans are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventOutcome {
    /// Events newly stored.
    pub received: u64,
    /// Events that were stored already with the same content, or occur again in the batch.
    pub duplicate: u64,
    /// Events the database cannot hold; an index counts through the events of the groups in
    /// order, from 0.
    pub rejected: Vec<Rejection>,
}
