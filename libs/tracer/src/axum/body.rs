//! The body of a traced response.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::span::RequestSpan;

pin_project! {
    /// A body that ends the span of its request when it has been sent, has failed or is dropped.
    #[derive(Debug)]
    pub struct TraceBody<B> {
        #[pin]
        inner: B,
        span: Option<RequestSpan>,
    }
}

impl<B: Body> TraceBody<B> {
    pub(super) fn new(inner: B, span: Option<RequestSpan>) -> Self {
        // An empty body may never be polled for a frame, so the span cannot wait for its end.
        let span = span.filter(|_| !inner.is_end_stream());
        Self { inner, span }
    }
}

impl<B> Body for TraceBody<B>
where
    B: Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = B::Data;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, Self::Error>>> {
        let this = self.project();
        let frame = {
            // The work of a streaming body belongs to its request.
            let _entered = this.span.as_ref().map(RequestSpan::enter);
            ready!(this.inner.poll_frame(context))
        };
        let frame = match frame {
            Some(Ok(frame)) => return Poll::Ready(Some(Ok(frame))),
            Some(Err(error)) => {
                let error = error.into();
                if let Some(span) = this.span {
                    span.fail(error.to_string());
                }
                Some(Err(error))
            }
            None => None,
        };
        *this.span = None;
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<B: Default> Default for TraceBody<B> {
    fn default() -> Self {
        Self {
            inner: B::default(),
            span: None,
        }
    }
}
