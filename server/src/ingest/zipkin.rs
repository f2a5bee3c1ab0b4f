//! `POST /api/v2/spans`: Zipkin's JSON, version 2, as Zipkin's reporters send it.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use serde::Serialize;
use throughline_formats::Signal;
use throughline_formats::zipkin::decode;
use throughline_wire::{Limits, Rejection, UnixNanos};

use super::Ingest;
use super::account::{Items, Outcome};
use super::body::Encoding;
use super::fault::{Fault, media_type};
use super::pipeline::{Receiver, run};

/// The response body for reporters that read it. Zipkin itself sends an empty one.
#[derive(Serialize)]
struct Answer {
    rejected: Vec<Rejection>,
}

/// The headers that senders add.
pub(super) const HEADERS: &[&str] = &["b3"];

/// Stores spans and responds with 202 once they are committed.
pub(super) async fn log_spans(
    State(ingest): State<Ingest>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    run(Zipkin, &ingest, &headers, body).await
}

#[derive(Clone, Copy)]
pub(super) struct Zipkin;

impl Receiver for Zipkin {
    const NAME: &'static str = "zipkin";

    fn encoding(self, headers: &HeaderMap) -> Result<Encoding, Fault> {
        let media_type = media_type(headers);
        if media_type != "application/json" {
            return Err(Fault::content_type(&media_type, "application/json"));
        }
        Ok(Encoding::of_content(headers)?)
    }

    fn decode(self, body: &[u8], limits: &Limits, now: UnixNanos) -> Result<Items, Fault> {
        let validated = decode(body)?.validate(limits, now);
        Ok(Items::of(Signal::Traces, validated))
    }

    fn accept(self, outcome: Outcome, _: UnixNanos) -> Response {
        let rejected = outcome.spans.rejected;
        if rejected.is_empty() {
            return StatusCode::ACCEPTED.into_response();
        }
        (StatusCode::ACCEPTED, Json(Answer { rejected })).into_response()
    }

    fn refuse(self, fault: &Fault) -> Response {
        fault.problem()
    }
}
