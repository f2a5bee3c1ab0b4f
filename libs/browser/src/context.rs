//! Which span something belongs to.

use throughline_wire::w3c::{TraceFlags, TraceParent};
use throughline_wire::{SpanId, TraceId};

/// A span as others refer to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanContext {
    /// Its trace.
    pub trace_id: TraceId,
    /// Its id.
    pub span_id: SpanId,
}

impl SpanContext {
    /// The W3C header that makes it the parent: sampled, with a random trace id.
    pub fn traceparent(&self) -> TraceParent {
        TraceParent {
            trace_id: self.trace_id,
            parent_id: self.span_id,
            flags: TraceFlags::SAMPLED | TraceFlags::RANDOM,
        }
    }
}
