//! The doors through which spans and log records come in: limit, decompress, decode, validate, commit, answer.

mod answer;
pub mod body;
mod cors;
mod elsewhere;
mod grpc;
mod keep;
mod native;
mod otlp;
mod rpc;
mod zipkin;

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodRouter, post};
use throughline_store::Writer;
use throughline_wire::validate::Limits;
use tower_http::cors::CorsLayer;

use crate::clock::Clock;

pub use body::BodyLimits;
use cors::cors;
use keep::keep;

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
        let limits = Limits {
            believes_cuts: false,
            ..limits
        };
        Self {
            inner: Arc::new(Inner {
                writer,
                clock,
                limits,
                bodies,
            }),
        }
    }

    /// The native door, Zipkin's and OTLP/HTTP: for the main port.
    pub fn routes(self) -> Router {
        let native = post(native::log_traces);
        let zipkin = post(zipkin::log_spans);
        door("/api/trace-log", native, cors(native::HEADERS))
            .merge(door("/api/v2/spans", zipkin, cors(zipkin::HEADERS)))
            .with_state(self.clone())
            .merge(self.otlp_http_routes())
    }

    /// OTLP/HTTP alone: for its usual port.
    pub fn otlp_routes(self) -> Router {
        self.otlp_http_routes().fallback(elsewhere::unknown)
    }

    fn otlp_http_routes(self) -> Router {
        let traces = post(otlp::export_traces);
        let logs = post(otlp::export_logs);
        door("/v1/traces", traces, cors(&[]))
            .merge(door("/v1/logs", logs, cors(&[])))
            .merge(door("/v1/metrics", post(elsewhere::metrics), cors(&[])))
            .with_state(self)
    }

    /// OTLP/gRPC: for the port of its own.
    pub fn grpc_routes(self) -> Router {
        grpc::routes(self)
    }
}

/// One path; preflights are answered too, and other methods told what to do.
fn door(path: &str, handler: MethodRouter<Ingest>, cors: CorsLayer) -> Router<Ingest> {
    Router::new()
        .route(path, handler)
        .method_not_allowed_fallback(elsewhere::wrong_method)
        .route_layer(cors)
}

/// Bodies up to this size are decoded in place: a hand-over costs more.
const INLINE_BYTES: usize = 64 * 1024;

/// Runs `work` over a body of `bytes` where it keeps nobody else waiting.
///
/// # Errors
/// When it panicked.
async fn off_the_loop<T: Send + 'static>(
    bytes: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, answer::Fault> {
    if bytes <= INLINE_BYTES {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| answer::Fault::internal())
}
