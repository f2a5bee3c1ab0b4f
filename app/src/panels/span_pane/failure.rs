//! Why a span failed.

use leptos::prelude::*;
use throughline_wire::{Attributes, Span, semconv};

use crate::ui::CopyButton;

/// The status message, then each exception with its stack trace.
#[component]
pub(super) fn Failure(
    /// A span that failed.
    span: Span,
) -> impl IntoView {
    let exceptions: Vec<Attributes> = span
        .events
        .into_iter()
        .filter(|event| event.name == semconv::EVENT_EXCEPTION)
        .map(|event| event.attributes)
        .collect();
    let kind = span
        .attributes
        .get_str(semconv::ERROR_TYPE)
        .map(str::to_owned);
    let message = span.status.message.into_owned();
    let headline = if message.is_empty() && exceptions.is_empty() {
        kind.map_or_else(
            || "Failed without saying why".to_owned(),
            |kind| format!("Failed: {kind}"),
        )
    } else {
        message
    };
    let exceptions: Vec<_> = exceptions
        .into_iter()
        .map(|exception| view! { <Exception exception headline=headline.clone() /> })
        .collect();
    view! {
        <div class="box e" role="note" aria-label="Error">
            {(!headline.is_empty()).then(|| view! { <p class="message">{headline}</p> })}
            {exceptions}
        </div>
    }
    .into_any()
}

#[component]
fn Exception(exception: Attributes, headline: String) -> impl IntoView {
    let text = |key| exception.get_str(key).unwrap_or_default().to_owned();
    let kind = text(semconv::EXCEPTION_TYPE);
    let message = text(semconv::EXCEPTION_MESSAGE);
    let stack = text(semconv::EXCEPTION_STACKTRACE);
    // SDKs often copy the message into the status: once is enough.
    let line = match (kind.is_empty(), message.is_empty() || message == headline) {
        (true, true) => None,
        (true, false) => Some(message),
        (false, true) => Some(kind),
        (false, false) => Some(format!("{kind}: {message}")),
    };
    let stack = (!stack.is_empty()).then(|| {
        view! {
            <details open>
                <summary>"Stack trace"</summary>
                <CopyButton text=stack.clone() what="stack trace" />
                <pre tabindex="0" aria-label="stack trace">
                    {stack}
                </pre>
            </details>
        }
    });
    view! {
        {line.map(|line| view! { <p>{line}</p> })}
        {stack}
    }
    .into_any()
}
