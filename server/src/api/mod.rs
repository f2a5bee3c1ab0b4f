//! The JSON API under `/api/admin` for scripts. It returns the same values that the pages show.

mod events;
mod ids;
mod otlp;
mod payloads;
mod query;
mod retention;
mod search;
mod traces;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use throughline_model::{RetentionAdmin, TraceReader};

use crate::response_limit::{self, ResponseLimit};

pub(crate) use query::decode;

/// The store that the API reads from.
pub(crate) type Reader = Arc<dyn TraceReader>;

/// Returns all routes of the API.
pub(crate) fn routes(
    reader: Reader,
    retention_admin: Arc<dyn RetentionAdmin>,
    limit: &ResponseLimit,
) -> Router {
    retention::read_routes()
        .route("/api/admin/traces", get(traces::list_traces))
        .route("/api/admin/traces/stats", get(traces::trace_statistics))
        .route("/api/admin/search", get(search::search))
        .route("/api/admin/services", get(traces::list_services))
        .merge(large_routes(limit.clone()))
        .with_state(reader)
        .merge(retention::keep_routes(retention_admin))
}

/// Returns the routes whose responses may have megabytes.
fn large_routes(limit: ResponseLimit) -> Router<Reader> {
    Router::new()
        .route("/api/admin/traces/{trace_id}", get(traces::get_trace))
        .route(
            "/api/admin/traces/{trace_id}/spans/{span_id}",
            get(traces::get_span),
        )
        .route(
            "/api/admin/traces/{trace_id}/spans/{span_id}/payloads",
            get(payloads::list_payloads),
        )
        .route(
            "/api/admin/traces/{trace_id}/spans/{span_id}/payloads/{hash}",
            get(payloads::get_payload),
        )
        .route("/api/admin/events", get(events::list_events))
        .route(
            "/api/admin/events/{cursor}/payloads/{hash}",
            get(payloads::get_event_payload),
        )
        .route("/api/admin/sessions/{id}", get(events::get_session))
        .route("/api/admin/correlations/{id}", get(events::get_correlation))
        .route_layer(from_fn_with_state(limit, response_limit::hold))
}
