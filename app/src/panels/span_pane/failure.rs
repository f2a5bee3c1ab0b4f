//! The reason why a span failed.

use leptos::prelude::*;
use throughline_wire::{Attributes, Span, semconv};

use super::offloaded::{Look, OfSpan, OffloadedPayload, Whole};
use crate::ui::{CopyButton, visible};

/// The status message, then each exception with its stack trace.
#[component]
pub(super) fn Failure(
    /// A failed span.
    span: Span,
    /// The offloaded payloads of the span.
    of_span: OfSpan,
) -> impl IntoView {
    let exceptions: Vec<(Attributes, Option<OffloadedPayload>)> = span
        .events
        .into_iter()
        .enumerate()
        .filter(|(_, event)| event.name == semconv::EVENT_EXCEPTION)
        .map(|(at, event)| {
            let stack = of_span.event(at, semconv::EXCEPTION_STACKTRACE);
            (event.attributes, stack)
        })
        .collect();
    let kind = span
        .attributes
        .get_str(semconv::ERROR_TYPE)
        .map(str::to_owned);
    let message = span.status.message.into_owned();
    let headline = if message.is_empty() && exceptions.is_empty() {
        kind.map_or_else(
            || "Failed without a message".to_owned(),
            |kind| format!("Failed: {kind}"),
        )
    } else {
        message
    };
    let line = if let Some(kept) = of_span.status_message() {
        let (preview, what) = (headline.clone(), "status message".to_owned());
        Some(view! { <Whole kept preview what look=Look::Text /> }.into_any())
    } else {
        let text = visible(&headline);
        (!text.is_empty()).then(|| view! { <p class="message">{text}</p> }.into_any())
    };
    let exceptions: Vec<_> = exceptions
        .into_iter()
        .map(|(exception, kept)| view! { <Exception exception kept headline=headline.clone() /> })
        .collect();
    view! {
        <div class="box e" role="note" aria-label="Error">
            {line}
            {exceptions}
        </div>
    }
    .into_any()
}

#[component]
fn Exception(
    exception: Attributes,
    kept: Option<OffloadedPayload>,
    headline: String,
) -> impl IntoView {
    let text = |key| exception.get_str(key).unwrap_or_default().to_owned();
    let kind = text(semconv::EXCEPTION_TYPE);
    let message = text(semconv::EXCEPTION_MESSAGE);
    let stack = text(semconv::EXCEPTION_STACKTRACE);
    // SDKs often copy the message into the status. Show it once.
    let line = match (kind.is_empty(), message.is_empty() || message == headline) {
        (true, true) => None,
        (true, false) => Some(message),
        (false, true) => Some(kind),
        (false, false) => Some(format!("{kind}: {message}")),
    };
    let stack = (!stack.is_empty()).then(|| {
        let stack = match kept {
            Some(kept) => {
                let what = "stack trace".to_owned();
                view! { <Whole kept preview=stack what look=Look::Stack /> }.into_any()
            }
            None => view! {
                <CopyButton text=stack.clone() what="stack trace" />
                <pre tabindex="0" aria-label="stack trace">
                    {visible(&stack)}
                </pre>
            }
            .into_any(),
        };
        view! {
            <details open>
                <summary>"Stack trace"</summary>
                {stack}
            </details>
        }
    });
    view! {
        {line.map(|line| view! { <p>{visible(&line)}</p> })}
        {stack}
    }
    .into_any()
}
