//! `POST /v1/metrics`: SDKs export metrics by default, and metrics are not stored. A request is
//! read, discarded and answered with success and a warning, because exporters print an error at
//! each interval.
//!
//! Source: OpenTelemetry Protocol specification 1.10, "Partial Success".

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::json;
use throughline_codec::binary::writer;

use super::OtlpHttp;
use super::response::{self, Form};
use crate::ingest::Ingest;
use crate::ingest::body::{Encoding, ReadBody, read_as_sent};
use crate::ingest::fault::{Fault, media_type};
use crate::ingest::pipeline::Receiver as _;

/// The warning in `partial_success.error_message`.
const WARNING: &str = "metrics are not stored, only traces and log records: set \
                       OTEL_METRICS_EXPORTER=none in the sender, or leave its exporter for \
                       metrics out";

/// Discards a metrics request and responds with success and a warning.
pub(in crate::ingest) async fn export_metrics(
    State(ingest): State<Ingest>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    match receive(&ingest, &headers, body).await {
        Ok(form) => {
            let body = match form {
                Form::Protobuf => warning(),
                Form::Json => json!({"partialSuccess": {"errorMessage": WARNING}})
                    .to_string()
                    .into_bytes(),
            };
            response::respond(form, StatusCode::OK, body)
        }
        Err(fault) => super::refuse(&headers, &fault),
    }
}

async fn receive(ingest: &Ingest, headers: &HeaderMap, body: Body) -> Result<Form, Fault> {
    let form = Form::of(&media_type(headers))
        .ok_or_else(|| Fault::content_type(&media_type(headers), super::CONTENT_TYPES))?;
    Encoding::of_content(headers)?;
    let sent = read_as_sent(headers, body, &ingest.inner.bodies).await?;
    discard(ingest, OtlpHttp::NAME, sent);
    Ok(form)
}

/// Discards a metrics request, which is not decoded, and counts it. The first one since the start
/// of the server is logged.
pub(in crate::ingest) fn discard(ingest: &Ingest, receiver: &'static str, request: ReadBody) {
    drop(request);
    metrics::counter!(
        "throughline_ingest_discarded_metrics_requests_total",
        "receiver" => receiver
    )
    .increment(1);
    ingest.inner.metrics_logged.call_once(|| {
        tracing::info!(
            receiver,
            "Received metrics, which are not stored; set OTEL_METRICS_EXPORTER=none in the \
             sender. Further metrics are discarded without a log line."
        );
    });
}

/// Returns an `ExportMetricsServiceResponse` in protobuf. The count of rejected data points is 0:
/// a count makes exporters report an error, and a message alone is a warning.
pub(in crate::ingest) fn warning() -> Vec<u8> {
    let mut partial = Vec::new();
    writer::bytes(2, WARNING.as_bytes(), &mut partial);
    let mut body = Vec::new();
    writer::bytes(1, &partial, &mut body);
    body
}
