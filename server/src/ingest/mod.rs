//! The receivers of spans and log records. Each is a protocol; [`pipeline`] is what they share.

mod account;
pub mod body;
mod cors;
mod drops;
mod fallback;
mod fault;
mod grpc;
mod native;
mod otlp;
mod pipeline;
mod rpc;
mod zipkin;

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodRouter, any, post};
use throughline_store::Writer;
use throughline_wire::Limits;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::clock::Clock;
use crate::readiness::Readiness;

pub use body::BodyLimits;
use cors::cors;
use drops::Drops;

/// The state that the receivers share.
#[derive(Clone)]
pub struct Ingest {
    inner: Arc<Inner>,
}

struct Inner {
    writer: Writer,
    readiness: Readiness,
    clock: Clock,
    limits: Limits,
    bodies: BodyLimits,
    decoded: Arc<Semaphore>,
    drops: Drops,
}

impl Ingest {
    /// Creates receivers that hand to `writer` once the schema is there.
    pub fn new(
        writer: Writer,
        readiness: Readiness,
        clock: Clock,
        limits: Limits,
        bodies: BodyLimits,
    ) -> Self {
        let limits = Limits {
            believes_cuts: false,
            ..limits
        };
        Self {
            inner: Arc::new(Inner {
                writer,
                readiness,
                clock,
                limits,
                bodies,
                decoded: Arc::new(Semaphore::new(DECODED_BYTES / DECODED_UNIT_BYTES)),
                drops: Drops::default(),
            }),
        }
    }

    /// Returns the native receiver, Zipkin's and OTLP/HTTP: for the main port.
    pub fn routes(self) -> Router {
        // Preflights are answered too, and other methods told what to do.
        let receiver = |path, handler: MethodRouter<Self>, headers| {
            Router::new()
                .route(path, handler)
                .method_not_allowed_fallback(fallback::wrong_method)
                .route_layer(cors(headers))
        };
        receiver("/api/trace-log", post(native::log_traces), native::HEADERS)
            .merge(receiver(
                "/api/v2/spans",
                post(zipkin::log_spans),
                zipkin::HEADERS,
            ))
            .with_state(self.clone())
            .merge(self.otlp_http_routes())
    }

    /// OTLP/HTTP alone: for its usual port.
    pub fn otlp_routes(self) -> Router {
        self.otlp_http_routes().fallback(fallback::unknown)
    }

    fn otlp_http_routes(self) -> Router {
        Router::new()
            .route("/v1/traces", post(otlp::export_traces))
            .route("/v1/logs", post(otlp::export_logs))
            .route("/v1/metrics", post(fallback::metrics))
            .route("/v1/{*rest}", any(fallback::unknown))
            .method_not_allowed_fallback(fallback::wrong_otlp_method)
            .route_layer(cors(&[]))
            .with_state(self)
    }

    /// OTLP/gRPC: for the port of its own.
    pub fn grpc_routes(self) -> Router {
        grpc::routes(self)
    }
}

/// Bodies up to this size are decoded in place: a hand-over costs more.
const INLINE_BYTES: usize = 64 * 1024;

/// Memory that all larger bodies together may take once they are decoded.
const DECODED_BYTES: usize = 128 << 20;
/// How much a byte of a body may take: two bytes of protobuf are an attribute.
const DECODED_PER_BYTE: usize = 64;
/// What that memory is counted in.
const DECODED_UNIT_BYTES: usize = 1024;

/// A share of the memory for decoded bodies, until it is dropped.
type MemoryPermit = Option<OwnedSemaphorePermit>;

impl Ingest {
    /// Whether a batch would be taken now: nothing is written to a schema of another version.
    ///
    /// # Errors
    /// 503 until the schema is there, then as [`Writer::admit`].
    fn admit(&self) -> Result<(), fault::Fault> {
        if let Some(missing) = self.inner.readiness.missing() {
            return Err(fault::Fault::not_ready(missing));
        }
        Ok(self.inner.writer.admit()?)
    }

    /// Runs `work` over a body of `bytes` where it keeps nobody else waiting, once there is memory for
    /// what it makes; hold what is returned with it for as long as that lives.
    ///
    /// # Errors
    /// When it panicked.
    async fn decode<T: Send + 'static>(
        &self,
        bytes: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<(T, MemoryPermit), fault::Fault> {
        if bytes <= INLINE_BYTES {
            return Ok((work(), None));
        }
        let most = bytes.saturating_mul(DECODED_PER_BYTE).min(DECODED_BYTES);
        let units = (most / DECODED_UNIT_BYTES) as u32;
        // Nobody closes it.
        let permit = Arc::clone(&self.inner.decoded).acquire_many_owned(units);
        let permit = permit.await.map_err(|_| fault::Fault::internal())?;
        // It goes with the work: the client may be gone long before that ends.
        let decoded = tokio::task::spawn_blocking(move || (work(), Some(permit))).await;
        decoded.map_err(|_| fault::Fault::internal())
    }
}
