//! The future of a traced request.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use pin_project_lite::pin_project;
use tracing::instrument::Instrumented;
use tracing::{Instrument, Span};

use super::TraceBody;
use super::span::RequestSpan;

pin_project! {
    /// A future that runs the inner service within the span of the request.
    #[derive(Debug)]
    pub struct TraceFuture<F> {
        #[pin]
        inner: Instrumented<F>,
        span: Option<RequestSpan>,
        request_id: Option<HeaderValue>,
    }
}

impl<F> TraceFuture<F> {
    pub(super) fn new(
        inner: F,
        span: Option<RequestSpan>,
        request_id: Option<HeaderValue>,
    ) -> Self {
        // When the request is cancelled, the inner future is dropped within the span.
        let within = span.as_ref().map_or_else(Span::none, RequestSpan::handle);
        Self {
            inner: inner.instrument(within),
            span,
            request_id,
        }
    }
}

impl<F, R, E> Future for TraceFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
    R: http_body::Body,
{
    type Output = Result<Response<TraceBody<R>>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let set_polling = |span: &mut Option<RequestSpan>, polling| {
            if let Some(span) = span {
                span.polling(polling);
            }
        };
        set_polling(this.span, true);
        let result = this.inner.poll(context);
        set_polling(this.span, false);
        let result = ready!(result);
        let mut span = this.span.take();
        let mut response = match result {
            Ok(response) => response,
            Err(error) => {
                if let Some(span) = &mut span {
                    span.fail("the service failed".to_owned());
                }
                return Poll::Ready(Err(error));
            }
        };
        if let Some(span) = &mut span {
            span.answer(response.status());
            tell(&mut response, span, this.request_id.take());
        }
        if lasts(&response) {
            span = None;
        }
        Poll::Ready(Ok(response.map(|body| TraceBody::new(body, span))))
    }
}

/// Adds the trace and the request id to the headers of the response.
fn tell<R>(response: &mut Response<R>, span: &RequestSpan, request_id: Option<HeaderValue>) {
    const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
    const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
    let headers = response.headers_mut();
    if let Some(context) = span.context() {
        let timing = format!("traceparent;desc=\"{}\"", context.traceparent());
        if let Ok(timing) = HeaderValue::from_str(&timing) {
            // Appended, not set: the service may have timings of its own.
            headers.append(SERVER_TIMING, timing);
        }
    }
    if let Some(id) = request_id {
        headers.entry(REQUEST_ID).or_insert(id);
    }
}

/// Returns true if the response lasts as long as the connection.
fn lasts<R>(response: &Response<R>) -> bool {
    response.status() == StatusCode::SWITCHING_PROTOCOLS
        || response
            .headers()
            .get(CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
}
