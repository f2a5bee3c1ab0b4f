//! Notices in place of missing content, with advice.

use leptos::prelude::*;

use crate::api::ApiError;

/// A card with a heading, an explanation and links.
#[component]
pub(crate) fn Notice(
    /// The heading, one sentence.
    #[prop(into)]
    title: String,
    /// True for a failure, which is shown in red.
    #[prop(optional)]
    is_failure: bool,
    /// The explanation and the links.
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

/// Reports that a read failed, and links to `href` for another try.
#[component]
pub(crate) fn FailureNotice(
    /// The error.
    error: ApiError,
    /// The URL of the page itself.
    href: String,
) -> impl IntoView {
    let advice = if error.may_pass() {
        "Senders keep their spans within their limits and retry. This page works again as soon as \
         the cause is fixed."
    } else {
        "The URL of this page may contain an invalid parameter."
    };
    view! {
        <Notice title=sentence(&error.to_string()) is_failure=true>
            <p>{advice}</p>
            // A full request, not client-side navigation, because the page is already at this
            // address.
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

/// Capitalises the first letter and adds a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters
        .next()
        .map(|first| first.to_uppercase().to_string())
        .unwrap_or_default();
    format!("{first}{}.", letters.as_str())
}
