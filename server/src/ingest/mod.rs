//! The doors through which spans come in: limit, decompress, decode, validate, commit, answer.

mod answer;
pub mod body;
mod native;
mod otlp;

use std::sync::Arc;

use axum::Router;
use axum::routing::post;
use throughline_formats::ValidatedGroup;
use throughline_store::{SpanGroup, Writer};
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
        Self {
            inner: Arc::new(Inner {
                writer,
                clock,
                limits,
                bodies,
            }),
        }
    }

    /// The native door and the OTLP one: for the main port.
    pub fn routes(self) -> Router {
        Router::new()
            .route(
                "/api/trace-log",
                post(native::log_traces).layer(native::cors()),
            )
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

/// What a foreign format's decoder found, as the writer takes it.
fn stored_groups(groups: Vec<ValidatedGroup>) -> Vec<SpanGroup> {
    let stored = |group: ValidatedGroup| SpanGroup {
        resource: group.resource,
        scope: group.scope,
        spans: group.spans,
        packed: group.packed,
        ..SpanGroup::default()
    };
    groups.into_iter().map(stored).collect()
}
