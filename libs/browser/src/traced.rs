//! A future that carries its own current span. Concurrent futures never mix their spans, whatever
//! they await.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::{ActiveSpan, SpanBuilder, imp};

pin_project_lite::pin_project! {
    /// A future with its own current span. The span is set before each poll and the previous one is
    /// restored after it.
    ///
    /// Created by [`crate::SpanBuilder::run`] and [`with_current`].
    #[must_use = "futures do nothing unless polled"]
    pub struct Traced<F> {
        #[pin]
        future: F,
        current: Option<imp::Open>,
        // Ends the span when the future completes or is dropped.
        span: Option<ActiveSpan>,
    }
}

/// Carries the current span into `future`, which may run later: for `spawn_local` and callbacks.
///
/// Without it, work after the first `.await` of a future is attributed to the open click or page
/// view, and marked `throughline.parent.inferred`.
///
/// # Server-Side Rendering
/// On the server the future runs unchanged.
pub fn with_current<F: Future>(future: F) -> Traced<F> {
    Traced::new(future, imp::current(), None)
}

impl SpanBuilder {
    /// Begins the span and makes it current whenever `future` is polled. The span ends when the
    /// future completes or is dropped.
    pub fn run<F: Future>(self, future: F) -> Traced<F> {
        self.start().run(future)
    }
}

impl ActiveSpan {
    /// Makes this span current whenever `future` is polled. The span ends with the future.
    pub fn run<F: Future>(self, future: F) -> Traced<F> {
        Traced::new(future, self.0, Some(self))
    }
}

impl<F: Future> Traced<F> {
    fn new(future: F, current: Option<imp::Open>, span: Option<ActiveSpan>) -> Self {
        Self {
            future,
            current,
            span,
        }
    }
}

impl<F: Future> Future for Traced<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let output = {
            let _entered = imp::enter(*this.current);
            this.future.poll(context)
        };
        if output.is_ready() {
            *this.span = None;
        }
        output
    }
}

impl<F> fmt::Debug for Traced<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Traced")
            .field("span", &self.span)
            .finish_non_exhaustive()
    }
}
