//! The context of a span and the headers that carry it.

use std::sync::Arc;

use throughline_wire::w3c::{Baggage, TraceFlags, TraceParent, TraceState, header};
use throughline_wire::{Attributes, SpanId, TraceId, semconv};

use crate::layer::current;

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

/// Returns the context of the current span; `None` outside of spans or if tracing is off.
///
/// ```
/// if let Some(context) = throughline::current() {
///     println!("reference for support: {}", context.trace_id);
/// }
/// ```
pub fn current() -> Option<SpanContext> {
    current::with(|active| active.context)
}

/// Returns the headers that make an outgoing request part of this trace: `traceparent`, and
/// `tracestate` and `baggage` if they are not empty. Returns no headers outside of spans.
///
/// Baggage may name the user and the session, so send these headers only to services of your own.
///
/// ```
/// let mut request = http::Request::get("http://stock.internal/items/7");
/// for (name, value) in throughline::trace_headers() {
///     request = request.header(name, value);
/// }
/// ```
pub fn trace_headers() -> Vec<(&'static str, String)> {
    current::with(|active| {
        let mut headers = vec![(
            header::TRACEPARENT,
            active.context.traceparent().to_string(),
        )];
        if let Some(propagated) = &active.propagated {
            for (name, value) in [
                (header::TRACESTATE, &propagated.trace_state),
                (header::BAGGAGE, &propagated.baggage),
            ] {
                if !value.is_empty() {
                    headers.push((name, value.clone()));
                }
            }
        }
        headers
    })
    .unwrap_or_default()
}
