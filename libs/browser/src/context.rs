//! The identity of a span, for use as a parent.

use throughline_wire::w3c::{TraceFlags, TraceParent};
use throughline_wire::{SpanId, TraceId};

/// The ids that identify a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanContext {
    /// The id of its trace.
    pub trace_id: TraceId,
    /// The id of the span.
    pub span_id: SpanId,
}

impl SpanContext {
    /// Returns the W3C header that names this span as the parent. Its flags are: sampled, random
    /// trace id.
    pub fn traceparent(&self) -> TraceParent {
        TraceParent {
            trace_id: self.trace_id,
            parent_id: self.span_id,
            flags: TraceFlags::SAMPLED | TraceFlags::RANDOM,
        }
    }
}
