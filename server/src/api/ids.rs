//! Parses the ids in paths and query strings.

use throughline_model::ids;
use throughline_wire::{SpanId, TraceId};

use crate::problem::Problem;

/// Parses a trace id.
pub(super) fn trace_id(text: &str) -> Result<TraceId, Problem> {
    ids::parse_trace_id(text).map_err(|error| Problem::bad_request(format!("the trace id {error}")))
}

/// Parses a span id.
pub(super) fn span_id(text: &str) -> Result<SpanId, Problem> {
    ids::parse_span_id(text).map_err(|error| Problem::bad_request(format!("the span id {error}")))
}
