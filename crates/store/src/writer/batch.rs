//! The input of the writer and its result.

pub use throughline_codec::group::{Sender, SpanGroup};
use throughline_wire::{Rejection, TenantId};

/// The spans and events of one request, committed together where possible.
#[derive(Debug, Clone)]
pub struct WriteBatch {
    /// The tenant of the data: taken from the API key of the request, never from its body.
    pub tenant: TenantId,
    /// Spans and events by their resource and scope; an OTLP request has several of both.
    pub groups: Vec<SpanGroup>,
}

impl WriteBatch {
    /// Returns the number of spans.
    pub fn span_count(&self) -> usize {
        let spans = |group: &SpanGroup| group.spans.len() + group.packed.len();
        self.groups.iter().map(spans).sum()
    }

    /// Returns the number of log records and events.
    pub fn event_count(&self) -> usize {
        self.groups.iter().map(|group| group.events.len()).sum()
    }

    /// Returns whether the batch has nothing to store. A process report counts as something to
    /// store.
    pub fn is_empty(&self) -> bool {
        self.span_count() == 0
            && self.event_count() == 0
            && !self.groups.iter().any(|group| group.sequence().is_some())
    }
}

/// The result of a batch. Every span is counted in exactly one of the first three fields. All spans
/// in `received` are committed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WriteOutcome {
    /// The number of newly stored spans.
    pub received: u64,
    /// The number of spans that were already stored with the same content, or are repeated in the
    /// batch.
    pub duplicate: u64,
    /// The spans that the database cannot store; an index counts through the groups in order, from
    /// 0.
    pub rejected: Vec<Rejection>,
    /// The starts of numbered spans that are not stored, because their traces already have the most
    /// open spans that a trace may have; an index counts through the starts of the groups in order,
    /// from 0.
    pub rejected_starts: Vec<Rejection>,
    /// The result of the log records and events of the batch.
    pub events: EventOutcome,
}

/// The result of the events of a batch, counted in the same way as its spans.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventOutcome {
    /// The number of newly stored events.
    pub received: u64,
    /// The number of events that were already stored with the same content, or are repeated in the
    /// batch.
    pub duplicate: u64,
    /// The events that the database cannot store; an index counts through the events of the groups
    /// in order, from 0.
    pub rejected: Vec<Rejection>,
}
