//! What is handed to the writer and what it answers.

use std::sync::Arc;

use throughline_wire::{InstrumentationScope, Rejection, Resource, Span, TenantId};

/// The spans of one request, committed together where possible.
#[derive(Debug, Clone)]
pub struct WriteBatch {
    /// Whose they are: from the key of the request, never from its body.
    pub tenant: TenantId,
    /// The spans by who made them; an OTLP request has several resources and scopes.
    pub groups: Vec<SpanGroup>,
}

impl WriteBatch {
    /// How many spans it holds.
    pub fn span_count(&self) -> usize {
        self.groups.iter().map(|group| group.spans.len()).sum()
    }
}

/// Spans that one library of one process made.
#[derive(Debug, Clone)]
pub struct SpanGroup {
    /// The process.
    pub resource: Arc<Resource>,
    /// The library.
    pub scope: Arc<InstrumentationScope>,
    /// Its spans, validated.
    pub spans: Vec<Span>,
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
}
