//! `POST /v1/traces`: OTLP/HTTP, protobuf or JSON, plain, gzip or zstd, answered in kind.
//!
//! Source: OpenTelemetry Protocol specification 1.10, "OTLP/HTTP".

mod response;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Method, header};
use axum::response::Response;
use throughline_formats::otlp::{decode_json, pack_protobuf};
use throughline_formats::{DecodeError, Request};
use throughline_store::WriteBatch;
use throughline_wire::validate::Limits;
use throughline_wire::{Rejection, TenantId, UnixNanos};
use tower_http::cors::{Any, CorsLayer};

use self::response::Form;
use super::answer::{Fault, add_refused, count, count_fault, media_type};
use super::{Ingest, body, off_the_loop, stored_groups};

const DOOR: &str = "otlp";
/// Reasons named in `partial_success.error_message`; the count covers all.
const NAMED_REASONS: usize = 5;

/// Any page may send, without credentials, as the OpenTelemetry SDK for browsers does.
pub(super) fn cors() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::POST])
        .allow_headers([header::CONTENT_TYPE, header::CONTENT_ENCODING])
        .max_age(std::time::Duration::from_hours(1))
}

/// Stores a request and answers once it is committed.
pub(super) async fn export_traces(
    State(ingest): State<Ingest>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let media_type = media_type(&headers);
    let form = match media_type.as_str() {
        "application/x-protobuf" => Form::Protobuf,
        "application/json" => Form::Json,
        other => {
            let fault = Fault::content_type(other, "application/x-protobuf, application/json");
            count_fault(DOOR, &fault);
            return response::fault(Form::Json, &fault);
        }
    };
    match store(&ingest, &headers, body, form).await {
        Ok(rejected) => response::success(form, rejected.len(), &explain(&rejected)),
        Err(fault) => {
            count_fault(DOOR, &fault);
            response::fault(form, &fault)
        }
    }
}

async fn store(
    ingest: &Ingest,
    headers: &HeaderMap,
    body: Body,
    form: Form,
) -> Result<Vec<Rejection>, Fault> {
    let inner = &ingest.inner;
    let body = body::read(headers, body, &inner.bodies).await?;
    let (limits, now) = (inner.limits.clone(), inner.clock.now());
    let validated = off_the_loop(body.bytes.len(), move || {
        decode(form, &body.bytes, &limits, now).map(|request| request.validate(&limits, now))
    })
    .await?
    .map_err(|error| Fault::undecodable(error.to_string()))?;
    let mut rejected = validated.rejected;
    let batch = WriteBatch {
        tenant: TenantId::DEFAULT,
        groups: stored_groups(validated.groups),
    };
    let outcome = inner.writer.submit(batch).await?;
    add_refused(&mut rejected, outcome.rejected, &validated.places);
    count(
        DOOR,
        outcome.received,
        outcome.duplicate,
        rejected.len() as u64,
    );
    Ok(rejected)
}

fn decode(
    form: Form,
    bytes: &[u8],
    limits: &Limits,
    now: UnixNanos,
) -> Result<Request, DecodeError> {
    match form {
        Form::Protobuf => pack_protobuf(bytes, limits, now),
        Form::Json => decode_json(bytes),
    }
}

/// Names the first reasons, by the place of the span in the request.
fn explain(rejected: &[Rejection]) -> String {
    let named = rejected.iter().take(NAMED_REASONS);
    let named = named.map(|rejection| format!("span {}: {}", rejection.index, rejection.reason));
    let mut reasons: Vec<String> = named.collect();
    if rejected.len() > NAMED_REASONS {
        reasons.push(format!("and {} more", rejected.len() - NAMED_REASONS));
    }
    reasons.join("; ")
}
