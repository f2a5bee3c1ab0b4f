//! The page for unknown addresses.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::context::set_status;
use crate::ui::Notice;

/// Reports that the page does not exist.
#[component]
pub(crate) fn NotFoundPage() -> impl IntoView {
    view! {
        <NotFound
            title="There is no such page"
            advice="The address may be mistyped, or come from a newer version."
        />
    }
    .into_any()
}

/// Reports what was not found and sets the status 404.
#[component]
pub(crate) fn NotFound(
    /// The heading.
    #[prop(into)]
    title: String,
    /// The advice to the user.
    advice: &'static str,
    /// The address of this page, if it may exist later.
    #[prop(optional, into)]
    again: Option<String>,
) -> impl IntoView {
    set_status(404);
    let is_final = again.is_none();
    let again = again.map(|href| {
        // A full request, not client-side navigation, because the page is already at this address.
        view! {
            <a class="btn primary" href=href rel="external">
                "Try again"
            </a>
        }
    });
    view! {
        <Title text="Not found" />
        <div class="top">
            <h1>"Not found"</h1>
        </div>
        <Notice title>
            <p>{advice}</p>
            <p class="ways">
                {again} <a class="btn" class:primary=is_final href="/traces">
                    "All traces"
                </a> <a class="btn" href="/lookup">
                    "Look up another id"
                </a>
            </p>
        </Notice>
    }
    .into_any()
}
