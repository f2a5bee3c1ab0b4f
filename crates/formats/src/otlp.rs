//! OTLP requests for traces and logs, in protobuf and in JSON.
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
use throughline_wire::Limits;
use throughline_wire::{LogRecord, UnixNanos, semconv};

use crate::{DecodeError, Request, Signal};

/// Reads a trace request (`ExportTraceServiceRequest`) in protobuf.
///
/// # Errors
/// When the bytes are not such a message; names the byte. A span that cannot be read is no error:
/// it is among the rejected.
pub fn decode_protobuf(body: &[u8]) -> Result<Request, DecodeError> {
    protobuf::decode(Signal::Traces, body, None).map_err(DecodeError::new)
}

/// Reads a trace request in protobuf for the store: spans that can be stored as they were sent,
/// which are nearly all, are recognised in one pass and not decoded.
///
/// `limits` and `now` are those for [`Request::validate`].
///
/// # Errors
/// As [`decode_protobuf`].
pub fn pack_protobuf(body: &[u8], limits: &Limits, now: UnixNanos) -> Result<Request, DecodeError> {
    let packing = protobuf::Packing { limits, now };
    protobuf::decode(Signal::Traces, body, Some(packing)).map_err(DecodeError::new)
}

/// Reads a trace request in JSON.
///
/// # Errors
/// When the body is not such an object; names the line and the column, or the part. A span that
/// cannot be read is no error: it is among the rejected.
pub fn decode_json(body: &[u8]) -> Result<Request, DecodeError> {
    json::decode(Signal::Traces, body).map_err(DecodeError::new)
}

/// Reads a logs request (`ExportLogsServiceRequest`) in protobuf.
///
/// # Errors
/// As [`decode_protobuf`], of log records.
pub fn decode_logs_protobuf(body: &[u8]) -> Result<Request, DecodeError> {
    protobuf::decode(Signal::Logs, body, None).map_err(DecodeError::new)
}

/// Reads a logs request in JSON.
///
/// # Errors
/// As [`decode_json`], of log records.
pub fn decode_logs_json(body: &[u8]) -> Result<Request, DecodeError> {
    json::decode(Signal::Logs, body).map_err(DecodeError::new)
}

/// Older senders name an event by an attribute.
fn name_event(record: &mut LogRecord) {
    if record.event_name.is_empty()
        && let Some(name) = record.attributes.get_str(semconv::EVENT_NAME)
    {
        record.event_name = name.to_owned().into();
    }
}
