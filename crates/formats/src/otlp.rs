//! Decodes OTLP requests for traces and logs from protobuf and JSON, and encodes JSON.
//!
//! Source: OpenTelemetry Protocol specification 1.10.

mod encode;
mod json;
#[cfg(test)]
mod packed_tests;
mod protobuf;
#[cfg(test)]
mod tests;

pub use self::encode::{ItemsOf, LogsOf, SpansOf, encode_json, encode_logs_json};
pub use self::protobuf::Entry;
use throughline_wire::Limits;
use throughline_wire::{LogRecord, UnixNanos, semconv};

use crate::{DecodeError, Request, Signal};

/// Decodes a trace request (`ExportTraceServiceRequest`) from protobuf.
///
/// # Errors
/// The bytes are not such a message; the error names the offset. A span that cannot be read is not
/// an error: it becomes a rejected item.
pub fn decode_protobuf(body: &[u8]) -> Result<Request, DecodeError> {
    protobuf::decode(Signal::Traces, body, None).map_err(DecodeError::new)
}

/// Decodes a trace request from protobuf for the store. Spans that can be stored in their original
/// bytes (nearly all) are checked in one pass and not decoded, which saves time and memory.
///
/// `limits` and `now` must be those passed to [`Request::validate`].
///
/// # Errors
/// The same as [`decode_protobuf`].
pub fn pack_protobuf(body: &[u8], limits: &Limits, now: UnixNanos) -> Result<Request, DecodeError> {
    let packing = protobuf::Packing { limits, now };
    protobuf::decode(Signal::Traces, body, Some(packing)).map_err(DecodeError::new)
}

/// Decodes a trace request from JSON.
///
/// # Errors
/// The body is not such an object; the error names the line and column, or the field. A span that
/// cannot be read is not an error: it becomes a rejected item.
pub fn decode_json(body: &[u8]) -> Result<Request, DecodeError> {
    json::decode(Signal::Traces, body).map_err(DecodeError::new)
}

/// Splits a message of a file in protobuf into its resources with items: `TracesData`, `LogsData`,
/// or a request.
///
/// # Errors
/// The rest of the bytes is not such a message; the error names the offset.
pub fn split_protobuf(message: &[u8]) -> impl Iterator<Item = Result<Entry, DecodeError>> + '_ {
    protobuf::entries(message)
        .map(|entry| entry.map_err(|error| DecodeError::new(error.to_string())))
}

/// Decodes a logs request (`ExportLogsServiceRequest`) from protobuf.
///
/// # Errors
/// The same as [`decode_protobuf`], for log records.
pub fn decode_logs_protobuf(body: &[u8]) -> Result<Request, DecodeError> {
    protobuf::decode(Signal::Logs, body, None).map_err(DecodeError::new)
}

/// Decodes a logs request from JSON.
///
/// # Errors
/// The same as [`decode_json`], for log records.
pub fn decode_logs_json(body: &[u8]) -> Result<Request, DecodeError> {
    json::decode(Signal::Logs, body).map_err(DecodeError::new)
}

/// Sets the event name from an attribute, if the record has none. Older senders use the attribute.
fn name_event(record: &mut LogRecord) {
    if record.event_name.is_empty()
        && let Some(name) = record.attributes.get_text(semconv::EVENT_NAME)
    {
        record.event_name = name.into_owned().into();
    }
}
