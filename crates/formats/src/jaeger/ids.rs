//! Parses Jaeger's ids. Leading zeros may be missing, and a trace id may have 64 bits only.

use throughline_wire::{SpanId, TraceId};

/// Parses a trace id of up to 32 hexadecimal characters, padded with zeros on the left.
pub(super) fn trace_id(text: &str) -> Result<TraceId, String> {
    padded(text, 32)
        .and_then(|text| text.parse().map_err(|error| format!("{error}")))
        .map_err(|error| format!("traceID: {error}"))
}

/// Parses a span id of up to 16 hexadecimal characters, padded with zeros on the left.
pub(super) fn span_id(text: &str, field: &str) -> Result<SpanId, String> {
    padded(text, 16)
        .and_then(|text| text.parse().map_err(|error| format!("{error}")))
        .map_err(|error| format!("{field}: {error}"))
}

fn padded(text: &str, length: usize) -> Result<String, String> {
    if text.is_empty() {
        return Err("is missing".to_owned());
    }
    Ok(format!("{text:0>length$}"))
}
