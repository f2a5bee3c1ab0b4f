//! The context of a span and the headers that carry it.

use std::sync::Arc;

use throughline_wire::w3c::{Baggage, TraceFlags, TraceParent, TraceState};
use throughline_wire::{Attributes, SpanId, TraceId, semconv};

/// The identity of a span, as W3C Trace Context defines it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanContext {
    /// The trace.
    pub trace_id: TraceId,
    /// The span within the trace.
    pub span_id: SpanId,
    /// The W3C trace flags: whether the trace is recorded and whether its id is random.
    pub flags: TraceFlags,
}

impl SpanContext {
    /// Returns true if this trace is recorded.
    pub fn is_sampled(&self) -> bool {
        self.flags.is_sampled()
    }

    /// Returns the value of a `traceparent` header.
    pub fn traceparent(&self) -> TraceParent {
        TraceParent {
            trace_id: self.trace_id,
            parent_id: self.span_id,
            flags: self.flags,
        }
    }
}

impl From<TraceParent> for SpanContext {
    fn from(parent: TraceParent) -> Self {
        Self {
            trace_id: parent.trace_id,
            span_id: parent.parent_id,
            flags: parent.flags,
        }
    }
}

/// The headers that a trace carries besides its ids, shared by all its spans in this process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct PropagatedHeaders {
    /// The value of `tracestate`; empty if there is none.
    pub(crate) trace_state: String,
    /// The value of `baggage`; empty if there is none.
    pub(crate) baggage: String,
}

impl PropagatedHeaders {
    /// Creates the value from the well-formed parts of both headers; `None` if both are empty.
    pub(crate) fn new(trace_state: Option<&TraceState>, baggage: &Baggage) -> Option<Arc<Self>> {
        let propagated = Self {
            trace_state: trace_state.map(TraceState::to_string).unwrap_or_default(),
            baggage: baggage.to_string(),
        };
        (propagated != Self::default()).then(|| Arc::new(propagated))
    }
}

/// Copies the baggage members for user and session to `attributes`.
pub(crate) fn copy_user_and_session(baggage: &Baggage, attributes: &mut Attributes) {
    for key in [semconv::SESSION_ID, semconv::USER_ID] {
        if let Some(value) = baggage.get(key).filter(|value| !value.is_empty()) {
            attributes.insert(key, value.to_owned());
        }
    }
}
