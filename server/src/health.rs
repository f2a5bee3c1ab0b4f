//! The routes `/healthz`, `/readyz` and `/metrics`.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::problem::Problem;

/// A function that checks whether the server is ready.
pub type Ready = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = ReadyAnswer> + Send>> + Send + Sync>;

/// The result of the check: a warning or `None` if the server is ready, else the reason why not.
pub type ReadyAnswer = Result<Option<String>, String>;

/// A function that returns the text of `/metrics` in Prometheus' exposition format.
pub type Metrics = Arc<dyn Fn() -> String + Send + Sync>;

#[derive(Clone)]
struct Health {
    ready: Ready,
    metrics: Metrics,
}

/// Returns the three routes.
pub fn routes(ready: Ready, metrics: Metrics) -> Router {
    Router::new()
        // A liveness probe may depend on this alone: the process responds.
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(check_ready))
        .route("/metrics", get(show_metrics))
        .with_state(Health { ready, metrics })
}

async fn check_ready(State(health): State<Health>) -> Response {
    match (health.ready)().await {
        Ok(None) => "ready\n".into_response(),
        Ok(Some(warning)) => format!("ready; {warning}\n").into_response(),
        Err(reason) => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "Not ready", reason)
            .retry_after(std::time::Duration::from_secs(1))
            .into_response(),
    }
}

async fn show_metrics(State(health): State<Health>) -> impl IntoResponse {
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4")],
        (health.metrics)(),
    )
}
