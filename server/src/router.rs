//! All routes of the server, grouped by their callers.

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use axum::response::Response;
use tower_http::catch_panic::CatchPanicLayer;

use crate::health::{Metrics, Ready};
use crate::ingest::{BodyLimits, Ingest, read_first};
use crate::live::{self, Live};
use crate::panel::{self, Panel};
use crate::response_limit::ResponseLimit;
use crate::{api, health, host};

/// The largest body of a request of the panel or a script, in bytes.
const READ_BODY_BYTES: usize = 64 << 10;
/// The maximum memory of all these bodies, in bytes.
const READ_BODIES_BYTES: usize = 4 << 20;

/// The state that the routes need.
#[derive(Clone)]
pub struct AppState {
    /// The receivers.
    pub ingest: Ingest,
    /// The control panel.
    pub panel: Panel,
    /// The live view of committed traces.
    pub live: Live,
    /// The readiness check.
    pub ready: Ready,
    /// The server's own metrics.
    pub metrics: Metrics,
}

/// Returns the routes of the main port: for senders, users, scripts and probes.
pub fn router(state: AppState) -> Router {
    // The routes for users and scripts: from this machine only, until there is sign-in.
    let limit = ResponseLimit::default();
    let bodies = BodyLimits::new(READ_BODY_BYTES, READ_BODIES_BYTES);
    let read = Router::new()
        .merge(api::routes(
            state.panel.reader.clone(),
            state.panel.retention_admin.clone(),
            &limit,
        ))
        .merge(live::routes(state.live))
        .merge(health::routes(state.ready, state.metrics))
        .merge(panel::routes(state.panel, limit))
        // Outside of the response limit: its permits do not wait for bodies.
        .layer(middleware::from_fn_with_state(bodies, read_first))
        .layer(middleware::from_fn(host::guard));
    // The routes for senders. The receivers limit bodies themselves.
    let ingest = state.ingest.routes().layer(DefaultBodyLimit::disable());
    finish(ingest.merge(read))
}

/// Returns the routes of the OTLP port: for senders only.
pub fn otlp_router(ingest: Ingest) -> Router {
    finish(ingest.otlp_routes().layer(DefaultBodyLimit::disable()))
}

/// Returns the routes of the gRPC port: for senders only.
pub fn grpc_router(ingest: Ingest) -> Router {
    finish(ingest.grpc_routes().layer(DefaultBodyLimit::disable()))
}

fn finish(router: Router) -> Router {
    router
        .layer(middleware::map_response(add_security_headers))
        .layer(CatchPanicLayer::custom(panel::panicked))
}

async fn add_security_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in panel::security_headers() {
        headers.entry(name).or_insert(value);
    }
    response
}
