//! OTLP/gRPC: `TraceService/Export` and `LogsService/Export` on their own port.
//!
//! It is written directly on HTTP/2. A call is one message each way, and so the limits on size
//! before and after decompression, on memory and on time are exactly those of the other receivers.
//!
//! Sources: OpenTelemetry Protocol specification 1.10, "OTLP/gRPC"; gRPC over HTTP2.

mod answer;
mod message;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use throughline_formats::Signal;
use throughline_wire::{Limits, UnixNanos};

use super::Ingest;
use super::account::{Items, Outcome, count_fault};
use super::body::{Encoding, ReadBody};
use super::fault::{Fault, media_type};
use super::otlp::{self, Form};
use super::pipeline::{Receiver, run};
use crate::problem::Problem;

const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const LOGS: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";

/// Returns the routes of the calls, and a response for all others.
pub(super) fn routes(ingest: Ingest) -> Router {
    Router::new()
        .route(TRACES, post(export_traces))
        .route(LOGS, post(export_logs))
        .fallback(unknown)
        .method_not_allowed_fallback(unknown)
        .with_state(ingest)
}

async fn export_traces(State(ingest): State<Ingest>, headers: HeaderMap, body: Body) -> Response {
    export(Signal::Traces, &ingest, headers, body).await
}

async fn export_logs(State(ingest): State<Ingest>, headers: HeaderMap, body: Body) -> Response {
    export(Signal::Logs, &ingest, headers, body).await
}

async fn export(signal: Signal, ingest: &Ingest, headers: HeaderMap, body: Body) -> Response {
    if !is_grpc(&headers) {
        return unknown(headers).await;
    }
    run(OtlpGrpc(signal), ingest, &headers, body).await
}

#[derive(Clone, Copy)]
pub(super) struct OtlpGrpc(pub(super) Signal);

impl Receiver for OtlpGrpc {
    const NAME: &'static str = "grpc";

    fn encoding(self, headers: &HeaderMap) -> Result<Encoding, Fault> {
        message::encoding(headers)
    }

    fn unframe(self, body: ReadBody, encoding: Encoding) -> Result<(ReadBody, Encoding), Fault> {
        message::unframe(body, encoding)
    }

    fn decode(self, body: &[u8], limits: &Limits, now: UnixNanos) -> Result<Items, Fault> {
        otlp::decode(self.0, Form::Protobuf, body, limits, now)
    }

    fn accept(self, outcome: Outcome, _: UnixNanos) -> Response {
        let rejected = otlp::rejected_of(self.0, outcome);
        answer::success(&otlp::partial_success(self.0, &rejected))
    }

    fn refuse(self, fault: &Fault) -> Response {
        answer::fault(fault)
    }
}

fn is_grpc(headers: &HeaderMap) -> bool {
    matches!(
        media_type(headers).as_str(),
        "application/grpc" | "application/grpc+proto"
    )
}

/// Responds to an unknown call: `UNIMPLEMENTED` for gRPC clients, a text for others.
async fn unknown(headers: HeaderMap) -> Response {
    if is_grpc(&headers) {
        let detail = format!("unknown method; this server has {TRACES} and {LOGS}");
        let fault = Fault::new(StatusCode::NOT_IMPLEMENTED, "Unknown method", detail);
        count_fault(OtlpGrpc::NAME, &fault);
        return answer::fault(&fault);
    }
    let detail = "this port accepts OTLP over gRPC; send OTLP over HTTP to POST /v1/traces or \
                  /v1/logs on its own port (4318 by default)";
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Not gRPC", detail).into_response()
}
