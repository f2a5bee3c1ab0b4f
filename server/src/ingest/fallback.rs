//! Responses to requests that no receiver accepts. They name the right receiver.

use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;

use super::fault::Fault;
use super::otlp;
use crate::problem::Problem;

/// Responds to a path without a receiver: any path on the OTLP/HTTP port, or one under `/v1/` on
/// the main port.
pub(super) async fn unknown(uri: Uri, headers: HeaderMap) -> Response {
    let path: String = uri.path().chars().take(80).collect();
    let detail = format!(
        "nothing is at {path}; send OTLP over HTTP to POST /v1/traces or POST /v1/logs. \
         OTEL_EXPORTER_OTLP_TRACES_ENDPOINT needs the path, OTEL_EXPORTER_OTLP_ENDPOINT must not \
         have it. The panel and its API are on the main port (3000 by default)"
    );
    otlp::refuse(&headers, &not_found(detail))
}

/// Responds to metrics, which SDKs send by default.
pub(super) async fn metrics(headers: HeaderMap) -> Response {
    let detail = "this server accepts traces and logs, not metrics: set OTEL_METRICS_EXPORTER=none \
                  in the sender, or remove its metrics exporter";
    otlp::refuse(&headers, &not_found(detail))
}

fn not_found(detail: impl Into<String>) -> Fault {
    Fault::new(StatusCode::NOT_FOUND, "Not found", detail)
}

/// Responds to a method other than POST.
pub(super) async fn wrong_method(method: Method, uri: Uri) -> Problem {
    let detail = takes_post(&method, &uri);
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, WRONG_METHOD, detail)
}

/// Responds to a method other than POST on a path of OTLP.
pub(super) async fn wrong_otlp_method(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let detail = takes_post(&method, &uri);
    let fault = Fault::new(StatusCode::METHOD_NOT_ALLOWED, WRONG_METHOD, detail);
    otlp::refuse(&headers, &fault)
}

const WRONG_METHOD: &str = "Method not allowed";

fn takes_post(method: &Method, uri: &Uri) -> String {
    format!("{} accepts POST, not {method}", uri.path())
}
