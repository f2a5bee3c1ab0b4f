//! A layer for axum (and any tower service of HTTP): a server span per request.

mod body;
mod future;
mod request;
mod span;

use std::sync::Arc;
use std::task::{Context, Poll};

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

pub use body::TraceBody;
pub use future::TraceFuture;

/// Continues the trace of each request, or begins one, in a server span named by method and route
/// (`GET /products/{id}`); by the method alone where no route matched.
///
/// - Reads `traceparent`, `tracestate` and `baggage`; of the baggage, `session.id` and `user.id`
///   become attributes. Headers and query values are never recorded, bodies neither.
/// - Answers with `server-timing: traceparent;desc="00-..."`, so that a page knows its trace, and
///   echoes `x-request-id`.
/// - Status codes of 500 and above repair the span as failed.
/// - The span ends when the body of the response has been sent or dropped; for event streams and
///   upgraded connections, which may last for days, when the headers are ready.
///
/// Add it last, so that it is outermost: `Router::new().route(..).layer(TraceLayer::new())`.
#[derive(Debug, Clone, Default)]
pub struct TraceLayer {
    skipped: Arc<Vec<String>>,
}

impl TraceLayer {
    /// A layer that traces every request.
    pub fn new() -> Self {
        Self::default()
    }

    /// Leaves requests alone whose path begins with `prefix`: health checks, static files.
    #[must_use]
    pub fn skip(mut self, prefix: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.skipped).push(prefix.into());
        self
    }
}

impl<S> Layer<S> for TraceLayer {
    type Service = TraceService<S>;

    fn layer(&self, inner: S) -> TraceService<S> {
        TraceService {
            inner,
            skipped: Arc::clone(&self.skipped),
        }
    }
}

/// The service of [`TraceLayer`].
#[derive(Debug, Clone)]
pub struct TraceService<S> {
    inner: S,
    skipped: Arc<Vec<String>>,
}

impl<S, B, R> Service<Request<B>> for TraceService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    R: http_body::Body,
{
    type Response = Response<TraceBody<R>>;
    type Error = S::Error;
    type Future = TraceFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let path = request.uri().path();
        if self
            .skipped
            .iter()
            .any(|prefix| path.starts_with(prefix.as_str()))
        {
            return TraceFuture::new(self.inner.call(request), None, None);
        }
        let span = request::span(&request);
        let request_id = request::id(request.headers()).cloned();
        let future = span.in_scope(|| self.inner.call(request));
        TraceFuture::new(future, Some(span::RequestSpan::new(span)), request_id)
    }
}
