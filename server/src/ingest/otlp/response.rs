//! The responses of OTLP: `ExportTraceServiceResponse` and similar, or `google.rpc.Status` for a
//! fault.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::json;
use throughline_codec::binary::writer;
use throughline_formats::Signal;
use throughline_wire::Rejection;

use crate::ingest::fault::Fault;

/// The most reasons in `partial_success.error_message`. The count covers all rejected items.
const NAMED_REASONS: usize = 5;

/// The form of a request and of its response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::ingest) enum Form {
    /// `application/x-protobuf`.
    Protobuf,
    /// `application/json`.
    Json,
}

impl Form {
    /// Returns the form of a media type.
    pub(super) fn of(media_type: &str) -> Option<Self> {
        match media_type {
            "application/x-protobuf" => Some(Self::Protobuf),
            "application/json" => Some(Self::Json),
            _ => None,
        }
    }
}

/// Returns a 200, with `partial_success` if an item was rejected.
pub(super) fn success(form: Form, signal: Signal, rejected: &[Rejection]) -> Response {
    let body = match form {
        Form::Protobuf => partial_success(signal, rejected),
        Form::Json if rejected.is_empty() => b"{}".to_vec(),
        Form::Json => json!({
            "partialSuccess": {
                // A 64-bit number is a string in protobuf's JSON form.
                rejected_field(signal): rejected.len().to_string(),
                "errorMessage": explain(signal, rejected),
            }
        })
        .to_string()
        .into_bytes(),
    };
    respond(form, StatusCode::OK, body)
}

/// Returns the response message in protobuf. Its fields have the same numbers for every signal.
pub(in crate::ingest) fn partial_success(signal: Signal, rejected: &[Rejection]) -> Vec<u8> {
    let mut body = Vec::new();
    if !rejected.is_empty() {
        let mut partial = Vec::new();
        writer::varint(1, rejected.len() as u64, &mut partial);
        writer::bytes(2, explain(signal, rejected).as_bytes(), &mut partial);
        writer::bytes(1, &partial, &mut body);
    }
    body
}

/// Returns a fault with its `google.rpc.Status`.
pub(super) fn fault(form: Form, fault: &Fault) -> Response {
    let body = match form {
        Form::Protobuf => fault.rpc_status(),
        Form::Json => fault.rpc_status_json().to_string().into_bytes(),
    };
    let mut response = respond(form, fault.status, body);
    fault.add_headers(response.headers_mut());
    response
}

/// Returns a response with this body and the content type of `form`.
pub(super) fn respond(form: Form, status: StatusCode, body: Vec<u8>) -> Response {
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

/// Returns the JSON name of the field of `partial_success` that counts rejected items.
const fn rejected_field(signal: Signal) -> &'static str {
    match signal {
        Signal::Traces => "rejectedSpans",
        Signal::Logs => "rejectedLogRecords",
    }
}

/// Lists the first reasons, with the index of each item in the request.
fn explain(signal: Signal, rejected: &[Rejection]) -> String {
    let item = signal.item();
    let named = rejected.iter().take(NAMED_REASONS);
    let named = named.map(|rejection| format!("{item} {}: {}", rejection.index, rejection.reason));
    let mut reasons: Vec<String> = named.collect();
    if rejected.len() > NAMED_REASONS {
        reasons.push(format!("and {} more", rejected.len() - NAMED_REASONS));
    }
    reasons.join("; ")
}
