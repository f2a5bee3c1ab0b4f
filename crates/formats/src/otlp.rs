//! OTLP trace requests: `ExportTraceServiceRequest` in protobuf and in JSON.
//!
//! Source: OpenTelemetry Protocol specification 1.10.

mod encode;
mod json;
mod protobuf;
#[cfg(test)]
mod tests;

pub use self::encode::{SpansOf, encode_json};
use crate::{DecodeError, Request};

/// Reads a trace request in protobuf.
///
/// # Errors
/// When the bytes are not such a message; names the byte. A span that cannot be read is no error:
/// it is among the rejected.
pub fn decode_protobuf(body: &[u8]) -> Result<Request, DecodeError> {
    protobuf::decode(body).map_err(DecodeError::new)
}

/// Reads a trace request in JSON.
///
/// # Errors
/// When the body is not such an object; names the line and the column, or the part. A span that
/// cannot be read is no error: it is among the rejected.
pub fn decode_json(body: &[u8]) -> Result<Request, DecodeError> {
    json::decode(body).map_err(DecodeError::new)
}
