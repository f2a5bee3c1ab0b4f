//! Where a span stands in its trace, and what travels with it.

use std::sync::Arc;

use throughline_wire::w3c::{Baggage, TraceFlags, TraceParent, TraceState, header};
use throughline_wire::{Attributes, SpanId, TraceId, semconv};

use crate::layer::current;

/// The identity of a span, as W3C Trace Context names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanContext {
    /// The trace.
    pub trace_id: TraceId,
    /// The span within it.
    pub span_id: SpanId,
    /// Whether it is recorded, and whether its id is random.
    pub flags: TraceFlags,
}

impl SpanContext {
    /// Whether this trace is recorded.
    pub fn is_sampled(&self) -> bool {
        self.flags.is_sampled()
    }

    /// As the value of a `traceparent` header.
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

/// What a trace carries beside its ids, shared by all its spans in this process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Carried {
    /// `tracestate`; empty when none.
    pub(crate) trace_state: String,
    /// `baggage`; empty when none.
    pub(crate) baggage: String,
}

impl Carried {
    /// Both headers as far as they are well-formed; nothing when there is nothing to carry.
    pub(crate) fn new(trace_state: Option<&TraceState>, baggage: &Baggage) -> Option<Arc<Self>> {
        let carried = Self {
            trace_state: trace_state.map(TraceState::to_string).unwrap_or_default(),
            baggage: baggage.to_string(),
        };
        (carried != Self::default()).then(|| Arc::new(carried))
    }
}

/// The members of baggage that become attributes: who, and in which session.
pub(crate) fn person(baggage: &Baggage, attributes: &mut Attributes) {
    for key in [semconv::SESSION_ID, semconv::USER_ID] {
        if let Some(value) = baggage.get(key).filter(|value| !value.is_empty()) {
            attributes.insert(key, value.to_owned());
        }
    }
}

/// The context of the span this code runs in; nothing outside of spans, or when tracing is off.
///
/// ```
/// if let Some(context) = throughline::current() {
///     println!("reference for support: {}", context.trace_id);
/// }
/// ```
pub fn current() -> Option<SpanContext> {
    current::with(|active| active.context)
}

/// The headers that make an outgoing request part of this trace: `traceparent`, and `tracestate`
/// and `baggage` where there are any. Empty outside of spans.
///
/// Baggage may name the user and the session: send these headers to services of your own only.
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
        if let Some(carried) = &active.carried {
            for (name, value) in [
                (header::TRACESTATE, &carried.trace_state),
                (header::BAGGAGE, &carried.baggage),
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
