//! The context of the current span and the headers that carry it to another process.

use throughline_wire::w3c::header;

use crate::context::SpanContext;
use crate::layer::current;

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
