//! Turns `tracing` events into events of their span.

use std::borrow::Cow;

use throughline_wire::{AttributeValue, Attributes, Status, semconv};
use tracing::{Event, Level};
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use super::visit;
use crate::active::{Active, MAX_ATTRIBUTES};
use crate::clock::Tick;

/// Adds `event` to the nearest recorded span at or above `span`. If `errors_fail_spans` is set, an
/// event of level `ERROR` marks that span as failed. With an `error` field it becomes an
/// `exception` event.
pub(super) fn record<S: for<'a> LookupSpan<'a>>(
    event: &Event<'_>,
    span: &SpanRef<'_, S>,
    errors_fail_spans: bool,
) {
    let Some(span) = span
        .scope()
        .find(|span| span.extensions().get::<Active>().is_some())
    else {
        return;
    };
    if !is_recorded(&span) {
        return;
    }
    let at = Tick::now();
    // Formatted before the span is locked, because the value's `Debug` may log.
    let (name, attributes, failure) = read(event);
    let mut extensions = span.extensions_mut();
    if let Some(Active {
        recording: Some(recording),
        ..
    }) = extensions.get_mut()
    {
        if errors_fail_spans && let Some(message) = failure {
            recording.fail(Status::error(message), None);
        }
        recording.event(name, attributes, at);
    }
}

fn is_recorded<S: for<'a> LookupSpan<'a>>(span: &SpanRef<'_, S>) -> bool {
    let extensions = span.extensions();
    extensions
        .get::<Active>()
        .is_some_and(|active| active.recording.is_some())
}

/// Returns the name, the attributes and, at level `ERROR`, the error message.
fn read(event: &Event<'_>) -> (Cow<'static, str>, Attributes, Option<Cow<'static, str>>) {
    let level = *event.metadata().level();
    let mut message = None;
    let mut error = None;
    let mut attributes = Attributes::default();
    attributes.insert(semconv::EVENT_LEVEL, level.as_str());
    attributes.insert(semconv::EVENT_TARGET, event.metadata().target().to_owned());
    event.record(&mut visit::Fields(|key, value| match (key, value) {
        ("message", AttributeValue::Str(text)) => message = Some(text),
        ("error" | "err" | semconv::EXCEPTION_MESSAGE, AttributeValue::Str(text)) => {
            error = Some(text);
        }
        (key, value) => {
            // The `log` bridge repeats the source location of a record in fields of its own.
            if attributes.len() < MAX_ATTRIBUTES && !key.starts_with("log.") {
                attributes.insert(key, value);
            }
        }
    }));
    let is_error = level == Level::ERROR;
    match (error, message) {
        (Some(error), message) if is_error => {
            attributes.insert(semconv::EXCEPTION_MESSAGE, error.clone());
            if let Some(message) = message {
                attributes.insert(semconv::EVENT_MESSAGE, message);
            }
            (
                Cow::Borrowed(semconv::EVENT_EXCEPTION),
                attributes,
                Some(error),
            )
        }
        (error, message) => {
            if let Some(error) = error {
                attributes.insert(semconv::EXCEPTION_MESSAGE, error);
            }
            let name = message.unwrap_or(Cow::Borrowed(event.metadata().name()));
            let failure = is_error.then(|| name.clone());
            (name, attributes, failure)
        }
    }
}
