//! `POST /v1/traces` and `POST /v1/logs`: OTLP/HTTP, protobuf or JSON, plain, gzip or zstd, answered
//! in kind.
//!
//! Source: OpenTelemetry Protocol specification 1.10, "OTLP/HTTP".

mod response;
mod signal;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use throughline_wire::Rejection;

pub(super) use self::response::{Form, partial_success};
pub(super) use self::signal::Signal;
use super::answer::{Fault, count_fault, media_type};
use super::body::ReadBody;
use super::{Ingest, body, keep};

const DOOR: &str = "otlp";
/// Reasons named in `partial_success.error_message`; the count covers all.
const NAMED_REASONS: usize = 5;

/// Stores a trace request and answers once it is committed.
pub(super) async fn export_traces(
    State(ingest): State<Ingest>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    export(Signal::Traces, &ingest, &headers, body).await
}

/// Stores a logs request and answers once it is committed.
pub(super) async fn export_logs(
    State(ingest): State<Ingest>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    export(Signal::Logs, &ingest, &headers, body).await
}

async fn export(signal: Signal, ingest: &Ingest, headers: &HeaderMap, body: Body) -> Response {
    let media_type = media_type(headers);
    let Some(form) = Form::of(&media_type) else {
        let wanted = "application/x-protobuf, application/json";
        return refuse(headers, &Fault::content_type(&media_type, wanted));
    };
    let stored = async {
        let body = body::read(headers, body, &ingest.inner.bodies).await?;
        ingest.admit()?;
        store(DOOR, signal, form, ingest, body).await
    };
    match stored.await {
        Ok(rejected) => response::success(form, signal, &rejected),
        Err(fault) => refuse(headers, &fault),
    }
}

/// Counts a fault and answers it in the form of the request; in JSON when that has none.
pub(super) fn refuse(headers: &HeaderMap, fault: &Fault) -> Response {
    count_fault(DOOR, fault);
    let form = Form::of(&media_type(headers)).unwrap_or(Form::Json);
    response::fault(form, fault)
}

/// Stores a request that came through `door`; what of it was not kept.
pub(super) async fn store(
    door: &'static str,
    signal: Signal,
    form: Form,
    ingest: &Ingest,
    body: ReadBody,
) -> Result<Vec<Rejection>, Fault> {
    let (limits, now) = (ingest.inner.limits.clone(), ingest.inner.clock.now());
    let bytes = body.bytes.len();
    let work = move || {
        // All of it, so that its share of memory goes when it does.
        let body = body;
        let request = signal.decode(form, &body.bytes, &limits, now)?;
        Ok::<_, Fault>(request.validate(&limits, now))
    };
    let (validated, turn) = ingest.decode(bytes, work).await?;
    keep(door, signal.kept(), ingest, validated?, turn).await
}

/// Names the first reasons, by the place of the item in the request.
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
