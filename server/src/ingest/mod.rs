//! The doors through which spans come in: limit, decompress, decode, validate, commit, answer.

mod answer;
pub mod body;
mod native;
mod otlp;

use std::sync::Arc;

use axum::Router;
use axum::routing::post;
use throughline_store::Writer;
use throughline_wire::validate::Limits;

use crate::clock::Clock;

pub use body::BodyLimits;

/// What the doors need.
#[derive(Clone)]
pub struct Ingest {
    inner: Arc<Inner>,
}

struct Inner {
    writer: Writer,
    clock: Clock,
    limits: Limits,
    bodies: BodyLimits,
}

impl Ingest {
    /// Doors that hand to `writer`.
    pub fn new(writer: Writer, clock: Clock, limits: Limits, bodies: BodyLimits) -> Self {
        Self { inner: Arc::new(Inner { writer, clock, limits, bodies }) }
    }

    /// The native door and the OTLP one: for the main port.
    pub fn routes(self) -> Router {
        Router::new()
            .route("/api/trace-log", post(native::log_traces).layer(native::cors()))
            .with_state(self.clone())
            .merge(self.otlp_routes())
    }

    /// The OTLP door alone: for its usual port.
    pub fn otlp_routes(self) -> Router {
        Router::new()
            .route("/v1/traces", post(otlp::export_traces).layer(otlp::cors()))
            .with_state(self)
    }
}
