//! What OTLP answers: `ExportTraceServiceResponse`, or `google.rpc.Status` for a fault.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::json;
use throughline_wire::binary::writer;

use crate::ingest::answer::Fault;

/// In which form the request came, and so the answer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// `application/x-protobuf`.
    Protobuf,
    /// `application/json`.
    Json,
}

/// 200, with `partial_success` when spans were rejected.
pub(super) fn success(form: Form, rejected: usize, message: &str) -> Response {
    let body = match form {
        Form::Protobuf if rejected == 0 => Vec::new(),
        Form::Protobuf => {
            let mut partial = Vec::new();
            writer::varint(1, rejected as u64, &mut partial);
            writer::bytes(2, message.as_bytes(), &mut partial);
            let mut body = Vec::new();
            writer::bytes(1, &partial, &mut body);
            body
        }
        Form::Json if rejected == 0 => b"{}".to_vec(),
        Form::Json => json!({
            // A 64-bit number is text in protobuf's JSON form.
            "partialSuccess": {"rejectedSpans": rejected.to_string(), "errorMessage": message}
        })
        .to_string()
        .into_bytes(),
    };
    respond(form, StatusCode::OK, body)
}

/// A fault with its `google.rpc.Status`.
pub(super) fn fault(form: Form, fault: &Fault) -> Response {
    let code = grpc_code(fault.status);
    let body = match form {
        Form::Protobuf => {
            let mut body = Vec::new();
            writer::varint(1, code, &mut body);
            writer::bytes(2, fault.detail.as_bytes(), &mut body);
            body
        }
        Form::Json => json!({"code": code, "message": fault.detail})
            .to_string()
            .into_bytes(),
    };
    let mut response = respond(form, fault.status, body);
    fault.add_headers(response.headers_mut());
    response
}

fn respond(form: Form, status: StatusCode, body: Vec<u8>) -> Response {
    let content_type = match form {
        Form::Protobuf => "application/x-protobuf",
        Form::Json => "application/json",
    };
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// The canonical code for an HTTP status (google/rpc/code.proto).
const fn grpc_code(status: StatusCode) -> u64 {
    match status.as_u16() {
        400 | 413 | 415 => 3,
        408 => 4,
        429 => 8,
        503 => 14,
        _ => 13,
    }
}
