//! The receivers of spans and log records. Each implements a protocol; [`pipeline`] is shared by
//! all.

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
mod whole_body;
mod zipkin;

use std::sync::{Arc, Once};

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, any, post};
use throughline_store::Writer;
use throughline_wire::Limits;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::clock::Clock;
use crate::readiness::Readiness;

pub use body::BodyLimits;
pub use cors::{AllowedOrigins, Origin};
use cors::{check_origin, cors};
use drops::Drops;
pub(crate) use whole_body::read_first;

/// The state that the receivers share.
#[derive(Clone)]
pub struct Ingest {
    inner: Arc<Inner>,
    origins: AllowedOrigins,
}

struct Inner {
    writer: Writer,
    readiness: Readiness,
    clock: Clock,
    limits: Limits,
    bodies: BodyLimits,
    decoded: Arc<Semaphore>,
    drops: Drops,
    /// Done once the discarded metrics are logged.
    metrics_logged: Once,
}

impl Ingest {
    /// Creates receivers that submit to `writer` once the schema is up to date.
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
                metrics_logged: Once::new(),
            }),
            origins: AllowedOrigins::default(),
        }
    }

    /// Sets the origins whose pages may send. Default: all.
    #[must_use]
    pub fn with_allowed_origins(self, origins: AllowedOrigins) -> Self {
        Self { origins, ..self }
    }

    /// Returns the routes for the main port: the native receiver, Zipkin and OTLP/HTTP.
    pub fn routes(self) -> Router {
        // Each route also responds to preflight requests, and to other methods with a hint.
        let receiver = |path, handler: MethodRouter<Self>, headers| {
            let origins = self.origins.clone();
            Router::new()
                .route(path, handler)
                .method_not_allowed_fallback(fallback::wrong_method)
                .route_layer(from_fn_with_state(origins, check_origin))
                .route_layer(cors(&self.origins, headers))
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

    /// Returns the routes of OTLP/HTTP alone, for its default port.
    pub fn otlp_routes(self) -> Router {
        // A page can read the response to a wrong path too.
        let unknown = any(fallback::unknown).layer(cors(&self.origins, &[]));
        self.otlp_http_routes().fallback_service(unknown)
    }

    fn otlp_http_routes(self) -> Router {
        Router::new()
            .route("/v1/traces", post(otlp::export_traces))
            .route("/v1/logs", post(otlp::export_logs))
            .route("/v1/metrics", post(otlp::export_metrics))
            .route("/v1/{*rest}", any(fallback::unknown))
            .method_not_allowed_fallback(fallback::wrong_otlp_method)
            .route_layer(from_fn_with_state(self.origins.clone(), check_origin))
            .route_layer(cors(&self.origins, &[]))
            .with_state(self)
    }

    /// Returns the routes of OTLP/gRPC, for its own port.
    pub fn grpc_routes(self) -> Router {
        grpc::routes(self)
    }
}

/// The size in bytes up to which a body is decoded in place: for a small body, moving to another
/// thread costs more.
const INLINE_BYTES: usize = 64 * 1024;

/// The memory for all larger bodies together after decoding, in bytes.
const DECODED_BYTES: usize = 128 << 20;
/// The estimated bytes of memory per byte of a body: two bytes of protobuf can be an attribute.
const DECODED_PER_BYTE: usize = 64;
/// The unit of the semaphore for that memory, in bytes.
const DECODED_UNIT_BYTES: usize = 1024;

/// A share of the memory for decoded bodies. Dropping it releases the share.
type MemoryPermit = Option<OwnedSemaphorePermit>;

impl Ingest {
    /// Checks that the server accepts a batch now. Nothing is written to a schema of another
    /// version.
    ///
    /// # Errors
    /// 503 until the schema is up to date, then the errors of [`Writer::admit`].
    fn admit(&self) -> Result<(), fault::Fault> {
        if let Some(missing) = self.inner.readiness.missing() {
            return Err(fault::Fault::not_ready(missing));
        }
        Ok(self.inner.writer.admit()?)
    }

    /// Runs `work` over a body of `bytes`. First waits for memory for the result. Work on a large
    /// body runs on a blocking thread, so that it delays no other request. The caller must hold the
    /// returned permit while the result lives.
    ///
    /// # Errors
    /// `work` panicked.
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
        // The semaphore is never closed.
        let permit = Arc::clone(&self.inner.decoded).acquire_many_owned(units);
        let permit = permit.await.map_err(|_| fault::Fault::internal())?;
        // The permit moves into the work: the client may disconnect long before the work ends.
        let decoded = tokio::task::spawn_blocking(move || (work(), Some(permit))).await;
        decoded.map_err(|_| fault::Fault::internal())
    }
}
