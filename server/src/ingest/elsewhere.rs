//! What is answered where there is no door: words that say where there is one.

use axum::http::{Method, StatusCode, Uri};

use crate::problem::Problem;

/// A path that is none of the doors, on the port for OTLP/HTTP.
pub(super) async fn unknown(uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(80).collect();
    Problem::not_found(format!(
        "there is nothing at {path}; this port takes OTLP over HTTP: POST /v1/traces and POST \
         /v1/logs. An exporter's endpoint for one signal needs its path, the endpoint for all \
         none. The panel and its API are on another port (3000 unless changed)"
    ))
}

/// Metrics, which SDKs send unless they are told not to.
pub(super) async fn metrics() -> Problem {
    Problem::not_found(
        "metrics are not taken, only traces and logs: set OTEL_METRICS_EXPORTER=none in the \
         sender, or leave its exporter for metrics out",
    )
}

/// A door that was asked for something.
pub(super) async fn wrong_method(method: Method, uri: Uri) -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "Not this method",
        format!("{} takes POST, not {method}", uri.path()),
    )
}
