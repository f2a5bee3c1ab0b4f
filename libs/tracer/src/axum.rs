//! A tower layer for axum and other HTTP services: one server span per request.

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

/// A layer that records each request in a server span, which continues the trace of the request or
/// starts one. The span is named after method and route (`GET /products/{id}`), or after the method
/// if no route matched.
///
/// - Reads `traceparent`, `tracestate` and `baggage`. The baggage members `session.id` and
///   `user.id` become attributes. Headers, bodies and query values are never recorded.
/// - Adds `server-timing: traceparent;desc="00-..."` to the response, so that a page knows its
///   trace, and echoes `x-request-id`.
/// - A status code of 500 or above marks the span as failed.
/// - The span ends when the body of the response has been sent or dropped. Event streams and
///   upgraded connections may last for days, so their span ends when the headers are ready.
///
/// Add it last, so that it is the outermost layer:
/// `Router::new().route(..).layer(TraceLayer::new())`.
#[derive(Debug, Clone, Default)]
pub struct TraceLayer {
    skipped: Arc<Vec<String>>,
}

impl TraceLayer {
    /// Creates a layer that traces every request.
    pub fn new() -> Self {
        Self::default()
    }

    /// Skips requests whose path begins with `prefix`, such as health checks and static files.
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
