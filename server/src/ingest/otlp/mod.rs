//! `POST /v1/traces` and `POST /v1/logs`: OTLP/HTTP as protobuf or JSON, plain, gzip or zstd. The
//! response has the form of the request.
//!
//! Source: OpenTelemetry Protocol specification 1.10, "OTLP/HTTP".

mod metrics;
mod response;

use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use throughline_formats::Signal;
use throughline_formats::otlp::{
    decode_json, decode_logs_json, decode_logs_protobuf, pack_protobuf,
};
use throughline_wire::{Limits, Rejection, UnixNanos};

pub(super) use self::metrics::{discard, export_metrics, warning};
pub(super) use self::response::{Form, partial_success};
use super::Ingest;
use super::account::{Items, Outcome, count_fault};
use super::body::Encoding;
use super::fault::{Fault, media_type};
use super::pipeline::{Receiver, run};

/// The accepted content types, for the header `accept`.
const CONTENT_TYPES: &str = "application/x-protobuf, application/json";

/// Stores a trace request and responds once it is committed.
pub(super) async fn export_traces(
    State(ingest): State<Ingest>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    export(Signal::Traces, &ingest, &headers, body).await
}

/// Stores a logs request and responds once it is committed.
pub(super) async fn export_logs(
    State(ingest): State<Ingest>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    export(Signal::Logs, &ingest, &headers, body).await
}

async fn export(signal: Signal, ingest: &Ingest, headers: &HeaderMap, body: Body) -> Response {
    let form = Form::of(&media_type(headers));
    let receiver = OtlpHttp { signal, form };
    run(receiver, ingest, headers, body).await
}

#[derive(Clone, Copy)]
pub(super) struct OtlpHttp {
    pub(super) signal: Signal,
    /// The form of the request; `None` when its media type is neither.
    pub(super) form: Option<Form>,
}

impl OtlpHttp {
    /// Returns the form of the response. It is JSON if the request has no known form.
    fn answer_form(self) -> Form {
        self.form.unwrap_or(Form::Json)
    }
}

impl Receiver for OtlpHttp {
    const NAME: &'static str = "otlp";

    fn encoding(self, headers: &HeaderMap) -> Result<Encoding, Fault> {
        if self.form.is_none() {
            return Err(Fault::content_type(&media_type(headers), CONTENT_TYPES));
        }
        Ok(Encoding::of_content(headers)?)
    }

    fn decode(self, body: &[u8], limits: &Limits, now: UnixNanos) -> Result<Items, Fault> {
        decode(self.signal, self.answer_form(), body, limits, now)
    }

    fn accept(self, outcome: Outcome, _: UnixNanos) -> Response {
        let rejected = rejected_of(self.signal, outcome);
        response::success(self.answer_form(), self.signal, &rejected)
    }

    fn refuse(self, fault: &Fault) -> Response {
        response::fault(self.answer_form(), fault)
    }
}

/// Decodes and validates a request of `signal`.
///
/// # Errors
/// The request cannot be read as a whole.
pub(super) fn decode(
    signal: Signal,
    form: Form,
    body: &[u8],
    limits: &Limits,
    now: UnixNanos,
) -> Result<Items, Fault> {
    let request = match (signal, form) {
        (Signal::Traces, Form::Protobuf) => pack_protobuf(body, limits, now),
        (Signal::Traces, Form::Json) => decode_json(body),
        (Signal::Logs, Form::Protobuf) => decode_logs_protobuf(body),
        (Signal::Logs, Form::Json) => decode_logs_json(body),
    };
    Ok(Items::of(signal, request?.validate(limits, now)))
}

/// Returns the rejected items of `signal`.
pub(super) fn rejected_of(signal: Signal, outcome: Outcome) -> Vec<Rejection> {
    match signal {
        Signal::Traces => outcome.spans.rejected,
        Signal::Logs => outcome.events.rejected,
    }
}

/// Counts a fault of a request without a signal, and responds in the form of the request, or in
/// JSON if that is unknown.
pub(super) fn refuse(headers: &HeaderMap, fault: &Fault) -> Response {
    count_fault(OtlpHttp::NAME, fault);
    let form = Form::of(&media_type(headers)).unwrap_or(Form::Json);
    response::fault(form, fault)
}
