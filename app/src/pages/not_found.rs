//! What stands at an address that leads nowhere.

use leptos::prelude::*;
use leptos_meta::Title;

use crate::context::set_status;
use crate::ui::Notice;

/// Says that there is no such page.
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

/// Says what was not found, with the status 404.
#[component]
pub(crate) fn NotFound(
    /// What.
    #[prop(into)]
    title: String,
    /// What to do about it.
    advice: &'static str,
    /// The page itself, where it may be there later.
    #[prop(optional, into)]
    again: Option<String>,
) -> impl IntoView {
    set_status(404);
    let is_final = again.is_none();
    let again = again.map(|href| {
        // A fresh request, not a client-side one: the page is already at this address.
        view! {
            <a class="btn primary" href=href rel="external">
                "Look again"
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
