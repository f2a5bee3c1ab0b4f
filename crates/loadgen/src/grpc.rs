//! One call of gRPC over HTTP/2: its message, and what the status says.
//!
//! Source: gRPC over HTTP2, "Length-Prefixed-Message" and "Responses".

use http::{HeaderMap, StatusCode};

/// Where the call goes.
pub(super) const PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
/// What stands before a message: whether it is compressed, and its size.
const PREFIX_BYTES: usize = 5;

/// The message with its prefix.
pub(super) fn message(content: &[u8], is_compressed: bool) -> Vec<u8> {
    let mut message = Vec::with_capacity(PREFIX_BYTES + content.len());
    message.push(u8::from(is_compressed));
    // A request of 4 GiB is far beyond what any server takes.
    message.extend_from_slice(&(content.len() as u32).to_be_bytes());
    message.extend_from_slice(content);
    message
}

/// What a message holds; nothing where there is none.
pub(super) fn content(message: &[u8]) -> &[u8] {
    message.get(PREFIX_BYTES..).unwrap_or_default()
}

/// The status as HTTP has it: of the trailers, or of the headers where the answer has no more.
pub(super) fn status(headers: &HeaderMap, trailers: Option<&HeaderMap>) -> StatusCode {
    let said = trailers
        .and_then(|trailers| trailers.get("grpc-status"))
        .or_else(|| headers.get("grpc-status"));
    match said.and_then(|value| value.to_str().ok()) {
        Some("0") => StatusCode::OK,
        // INVALID_ARGUMENT
        Some("3") => StatusCode::BAD_REQUEST,
        // RESOURCE_EXHAUSTED: to be tried again where it says when, as that of an overload does.
        Some("8") => StatusCode::TOO_MANY_REQUESTS,
        // UNIMPLEMENTED
        Some("12") => StatusCode::NOT_FOUND,
        // UNAVAILABLE
        Some("14") => StatusCode::SERVICE_UNAVAILABLE,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
