//! `POST /api/v2/spans`: Zipkin's JSON, version 2, as Zipkin's reporters send it.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use throughline_formats::zipkin::decode;
use throughline_wire::Rejection;

use super::answer::{Fault, Kept, media_type};
use super::{Ingest, body, keep};

const DOOR: &str = "zipkin";

/// What a reporter may read when it cares; Zipkin itself says nothing.
#[derive(Serialize)]
struct Answer {
    rejected: Vec<Rejection>,
}

/// Headers that senders add.
pub(super) const HEADERS: &[&str] = &["b3"];

/// Stores spans and answers 202 once they are committed.
pub(super) async fn log_spans(
    State(ingest): State<Ingest>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match store(&ingest, &headers, body).await {
        Ok(rejected) if rejected.is_empty() => StatusCode::ACCEPTED.into_response(),
        Ok(rejected) => (StatusCode::ACCEPTED, Json(Answer { rejected })).into_response(),
        Err(fault) => fault.problem(DOOR),
    }
}

async fn store(ingest: &Ingest, headers: &HeaderMap, body: Body) -> Result<Vec<Rejection>, Fault> {
    let media_type = media_type(headers);
    if media_type != "application/json" {
        return Err(Fault::content_type(&media_type, "application/json"));
    }
    let inner = &ingest.inner;
    let body = body::read(headers, body, &inner.bodies).await?;
    ingest.admit()?;
    let (limits, now) = (inner.limits.clone(), inner.clock.now());
    let bytes = body.bytes.len();
    let work = move || {
        // All of it, so that its share of memory goes when it does.
        let body = body;
        Ok::<_, Fault>(decode(&body.bytes)?.validate(&limits, now))
    };
    let (validated, turn) = ingest.decode(bytes, work).await?;
    keep(DOOR, Kept::Spans, ingest, validated?, turn).await
}
