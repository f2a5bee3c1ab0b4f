//! The response to a call: a message and trailers, or trailers alone for a fault.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::{BufMut as _, Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};

use super::message::PREFIX_BYTES;
use crate::ingest::fault::Fault;

const STATUS: HeaderName = HeaderName::from_static("grpc-status");
const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// The most characters of a status message. The size of headers is limited.
const MESSAGE_CHARS: usize = 1024;

/// Returns `OK` with this message.
pub(super) fn success(message: &[u8]) -> Response {
    let mut framed = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    framed.put_u8(0);
    // The length is far below 4 GiB: a count and a few reasons.
    framed.put_u32(message.len() as u32);
    framed.put_slice(message);
    let trailers = HeaderMap::from_iter([(STATUS, HeaderValue::from_static("0"))]);
    let body = Full::new(framed.freeze()).with_trailers(async move { Some(Ok(trailers)) });
    respond(Body::new(body))
}

/// Returns a fault: its code, its message and, for programs, its `google.rpc.Status`.
pub(super) fn fault(fault: &Fault) -> Response {
    let mut response = respond(Body::empty());
    let headers = response.headers_mut();
    headers.insert(STATUS, HeaderValue::from(fault.rpc_code()));
    let cut: String = fault.detail.chars().take(MESSAGE_CHARS).collect();
    for (name, text) in [
        (MESSAGE, percent_encoded(&cut)),
        (DETAILS, STANDARD_NO_PAD.encode(fault.rpc_status())),
    ] {
        // Both values contain only visible ASCII. A fault without a message is still valid.
        if let Ok(value) = HeaderValue::from_maybe_shared(Bytes::from(text)) {
            headers.insert(name, value);
        }
    }
    response
}

fn respond(body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/grpc"),
    );
    headers.insert(
        ACCEPT_ENCODING,
        HeaderValue::from_static("identity,gzip,zstd,deflate"),
    );
    response
}

/// Encodes every character except visible ASCII and spaces as `%XX` (gRPC over HTTP2,
/// "Percent-Encoded").
fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'%' | ..0x20 | 0x7f.. => {
                // Writing to a `String` does not fail.
                let _ = write!(out, "%{byte:02X}");
            }
            _ => out.push(char::from(byte)),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_visible_ascii() {
        assert_eq!(percent_encoded("100% of ä\r\n"), "100%25 of %C3%A4%0D%0A");
    }
}
