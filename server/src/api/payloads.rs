//! Routes for offloaded payloads of spans and events: their list, and the bytes of each.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use throughline_model::{EventCursor, Payload, PayloadRef};
use throughline_wire::AttributeValue;

use super::Reader;
use super::ids::{span_id, trace_id};
use crate::problem::Problem;

/// `GET /api/admin/traces/{trace_id}/spans/{span_id}/payloads`: returns the list of offloaded
/// payloads.
pub(super) async fn list_payloads(
    State(reader): State<Reader>,
    Path((trace, span)): Path<(String, String)>,
) -> Result<Json<Vec<PayloadRef>>, Problem> {
    let (trace_id, span_id) = (trace_id(&trace)?, span_id(&span)?);
    let spans = reader.span_details(trace_id, span_id).await?.spans;
    if spans.is_empty() {
        return Err(Problem::not_found(format!(
            "trace {trace_id} has no span {span_id}"
        )));
    }
    let payloads = spans.into_iter().flat_map(|details| details.payloads);
    Ok(Json(payloads.collect()))
}

/// `GET /api/admin/traces/{trace_id}/spans/{span_id}/payloads/{hash}`: returns one payload, whole.
/// Text is sent as text, bytes as bytes, lists and maps as native JSON.
pub(super) async fn get_payload(
    State(reader): State<Reader>,
    Path((trace, span, hash)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (trace_id, span_id) = (trace_id(&trace)?, span_id(&span)?);
    let payload = reader.span_payload(trace_id, span_id, &hash).await?;
    let Some(payload) = payload else {
        let span = format!("span {span_id} of trace {trace_id}");
        return Err(unknown(&span, &hash));
    };
    Ok(answer(payload, &headers))
}

/// `GET /api/admin/events/{cursor}/payloads/{hash}`: returns one payload of the log record or event
/// that `cursor` identifies.
pub(super) async fn get_event_payload(
    State(reader): State<Reader>,
    Path((cursor, hash)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let event: EventCursor = cursor.parse().map_err(Problem::bad_request)?;
    match reader.event_payload(event, &hash).await? {
        Some(payload) => Ok(answer(payload, &headers)),
        None => Err(unknown(&format!("event {event}"), &hash)),
    }
}

fn answer(payload: Payload, headers: &HeaderMap) -> Response {
    let etag = format!("\"{}\"", payload.reference.hash);
    let is_known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|known| known.to_str().ok())
        .is_some_and(|known| known.split(',').any(|known| known.trim() == etag));
    let mut response = if is_known {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        whole(payload)
    };
    let headers = response.headers_mut();
    // The hash identifies the content, so the content never changes.
    let cached = HeaderValue::from_static("private, max-age=31536000, immutable");
    headers.insert(header::CACHE_CONTROL, cached);
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, etag);
    }
    response
}

fn unknown(of: &str, hash: &str) -> Problem {
    let hash: String = hash.chars().take(40).collect();
    Problem::not_found(format!("{of} has no offloaded payload {hash:?}"))
}

/// Returns the value as a download. Its content comes from a sender, so a browser must never show
/// it as a page.
fn whole(payload: Payload) -> Response {
    let (content_type, extension, bytes) = match payload.value {
        AttributeValue::Str(text) => (
            "text/plain; charset=utf-8",
            "txt",
            text.into_owned().into_bytes(),
        ),
        AttributeValue::Bytes(bytes) => ("application/octet-stream", "bin", bytes),
        value => (
            "application/json",
            "json",
            serde_json::to_vec(&value).unwrap_or_default(),
        ),
    };
    let name = format!(
        "attachment; filename=\"{}.{extension}\"",
        payload.reference.hash
    );
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if let Ok(name) = HeaderValue::from_str(&name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    response
}
