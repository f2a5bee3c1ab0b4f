//! What stands where there is nothing to show, and what to do about it.

use leptos::prelude::*;

use crate::api::ApiError;

/// A card with a heading, an explanation and ways on.
#[component]
pub(crate) fn Notice(
    /// One sentence.
    #[prop(into)]
    title: String,
    /// Red when something failed.
    #[prop(optional)]
    is_failure: bool,
    /// The explanation and the ways on.
    children: Children,
) -> impl IntoView {
    view! {
        <section
            class="card notice"
            class:failure=is_failure
            role=if is_failure { "alert" } else { "status" }
        >
            <h2>{title}</h2>
            {children()}
        </section>
    }
    .into_any()
}

/// Says that reading failed, and offers to try again at `href`.
#[component]
pub(crate) fn FailureNotice(
    /// What went wrong.
    error: ApiError,
    /// The page itself.
    href: String,
) -> impl IntoView {
    let advice = if error.may_pass() {
        "Senders keep their spans, within their limits, and send them again. This page works again \
         as soon as the cause is gone."
    } else {
        "The address of this page may ask for something that cannot be answered."
    };
    view! {
        <Notice title=sentence(&error.to_string()) is_failure=true>
            <p>{advice}</p>
            // A fresh request, not a client-side one: the page is already at this address.
            <p class="ways">
                <a class="btn primary" href=href rel="external">
                    "Try again"
                </a>
                <a class="btn" href="/traces">
                    "All traces"
                </a>
            </p>
        </Notice>
    }
    .into_any()
}

/// The first letter large and a full stop at the end.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters
        .next()
        .map(|first| first.to_uppercase().to_string())
        .unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}
