//! Encodes and decodes a gRPC call over HTTP/2: the message and the status.
//!
//! Source: gRPC over HTTP2, "Length-Prefixed-Message" and "Responses".

use http::{HeaderMap, StatusCode};

/// The path of the method.
pub(super) const PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/// The size of the prefix of a message in bytes: a flag for compression, and the length.
const PREFIX_BYTES: usize = 5;

/// Returns the message with its prefix.
pub(super) fn message(content: &[u8], is_compressed: bool) -> Vec<u8> {
    let mut message = Vec::with_capacity(PREFIX_BYTES + content.len());
    message.push(u8::from(is_compressed));
    // No server accepts a request of 4 GiB, so the length fits.
    message.extend_from_slice(&(content.len() as u32).to_be_bytes());
    message.extend_from_slice(content);
    message
}

/// Returns the content of a message, or an empty slice if there is none.
pub(super) fn content(message: &[u8]) -> &[u8] {
    message.get(PREFIX_BYTES..).unwrap_or_default()
}

/// Returns the gRPC status as an HTTP status. It stands in the trailers, or in the headers if the
/// response has no body.
pub(super) fn status(headers: &HeaderMap, trailers: Option<&HeaderMap>) -> StatusCode {
    let status = trailers
        .and_then(|trailers| trailers.get("grpc-status"))
        .or_else(|| headers.get("grpc-status"));
    match status.and_then(|value| value.to_str().ok()) {
        Some("0") => StatusCode::OK,
        // INVALID_ARGUMENT
        Some("3") => StatusCode::BAD_REQUEST,
        // RESOURCE_EXHAUSTED: an overloaded server. The response says when to retry.
        Some("8") => StatusCode::TOO_MANY_REQUESTS,
        // UNIMPLEMENTED
        Some("12") => StatusCode::NOT_FOUND,
        // UNAVAILABLE
        Some("14") => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
