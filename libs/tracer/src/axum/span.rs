//! The span of one request, from the call to the last byte of the response.

use std::borrow::Cow;

use http::StatusCode;
use throughline_wire::{Attributes, Status, semconv};

use crate::active::Recording;
use crate::clock::Tick;
use crate::context::SpanContext;
use crate::layer::current;

/// The span of a request. It ends exactly once, at the latest when this value is dropped.
#[derive(Debug)]
pub(super) struct RequestSpan {
    span: tracing::Span,
    answered: bool,
    polling: bool,
}

impl RequestSpan {
    pub(super) fn new(span: tracing::Span) -> Self {
        Self {
            span,
            answered: false,
            polling: false,
        }
    }

    pub(super) fn enter(&self) -> tracing::span::Entered<'_> {
        self.span.enter()
    }

    /// Returns another handle of the span.
    pub(super) fn handle(&self) -> tracing::Span {
        self.span.clone()
    }

    /// Records whether the service is being polled. If it still is when the span ends, the service
    /// panicked, even if a layer has caught the panic.
    pub(super) fn polling(&mut self, polling: bool) {
        self.polling = polling;
    }

    /// Returns the context of the span; `None` if no layer records spans.
    pub(super) fn context(&self) -> Option<SpanContext> {
        current::with_span(&self.span, |active| active.context)
    }

    /// Records the status of the response. From 500 on, the span fails.
    pub(super) fn answer(&mut self, status: StatusCode) {
        self.answered = true;
        self.write(|recording| {
            let code = i64::from(status.as_u16());
            recording.set(
                Cow::Borrowed(semconv::HTTP_RESPONSE_STATUS_CODE),
                code.into(),
            );
            if status.is_server_error() {
                recording.fail(Status::error(""), None);
                if recording.span.attributes.get(semconv::ERROR_TYPE).is_none() {
                    let kind = status.as_str().to_owned();
                    recording.set(Cow::Borrowed(semconv::ERROR_TYPE), kind.into());
                }
            }
        });
    }

    /// Records that the response failed before it was complete.
    pub(super) fn fail(&mut self, message: String) {
        self.answered = true;
        self.write(|recording| recording.fail(Status::error(message), None));
    }

    fn write(&self, act: impl FnOnce(&mut Recording)) {
        current::with_span(&self.span, |active| {
            if let Some(recording) = &mut active.recording {
                act(recording);
            }
        });
    }
}

impl Drop for RequestSpan {
    fn drop(&mut self) {
        if !self.answered {
            self.write(|recording| {
                if self.polling {
                    recording.fail(Status::error("the handler panicked"), Some("panic"));
                } else {
                    // The client disconnected, or an outer timeout expired.
                    recording.event("request cancelled", Attributes::default(), Tick::now());
                }
            });
        }
        current::finish(&self.span);
    }
}
