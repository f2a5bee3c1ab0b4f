//! OTLP trace requests: `ExportTraceServiceRequest` in protobuf and in JSON.
//!
//! Source: OpenTelemetry Protocol specification 1.10.

mod encode;
mod json;
#[cfg(test)]
mod packed_tests;
mod protobuf;
#[cfg(test)]
mod tests;

use throughline_wire::UnixNanos;
use throughline_wire::validate::Limits;

pub use self::encode::{SpansOf, encode_json};
use crate::{DecodeError, Request};

/// Reads a trace request in protobuf.
///
/// # Errors
/// When the bytes are not such a message; names the byte. A span that cannot be read is no error:
/// it is among the rejected.
pub fn decode_protobuf(body: &[u8]) -> Result<Request, DecodeError> {
    protobuf::decode(body, None).map_err(DecodeError::new)
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
    protobuf::decode(body, Some(packing)).map_err(DecodeError::new)
}

/// Reads a trace request in JSON.
///
/// # Errors
/// When the body is not such an object; names the line and the column, or the part. A span that
/// cannot be read is no error: it is among the rejected.
pub fn decode_json(body: &[u8]) -> Result<Request, DecodeError> {
    json::decode(body).map_err(DecodeError::new)
}
