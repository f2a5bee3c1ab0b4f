//! The navigation: on the left, on narrow screens at the top.

use leptos::prelude::*;
use leptos_router::hooks::use_location;

use super::ThemeSwitch;
use crate::ui::Brand;

/// The brand, the links to the pages, the theme switch.
#[component]
pub(crate) fn Nav() -> impl IntoView {
    let path = use_location().pathname;
    let is_on_traces = move || path.with(|path| path.starts_with("/traces"));
    let is_on_lookup = move || path.with(|path| path.starts_with("/lookup"));
    let is_on_storage = move || path.with(|path| path.starts_with("/storage"));
    view! {
        <nav class="nav" aria-label="Main">
            <a class="brand" href="/traces">
                <Brand />
            </a>
            <a
                class="page"
                class:on=is_on_traces
                href="/traces"
                aria-current=move || is_on_traces().then_some("page")
            >
                "Traces"
                <kbd>"g t"</kbd>
            </a>
            <a
                class="page"
                class:on=is_on_lookup
                href="/lookup"
                aria-current=move || is_on_lookup().then_some("page")
            >
                "Look up"
                <kbd>"g l"</kbd>
            </a>
            <a
                class="page"
                class:on=is_on_storage
                href="/storage"
                aria-current=move || is_on_storage().then_some("page")
            >
                "Storage"
                <kbd>"g d"</kbd>
            </a>
            <div class="gap"></div>
            <button type="button" class="page keys needs-js" data-keys aria-haspopup="dialog">
                "Shortcuts"
                <kbd>"?"</kbd>
            </button>
            <ThemeSwitch />
            <p class="version">{concat!("Throughline ", env!("CARGO_PKG_VERSION"))}</p>
        </nav>
    }
    .into_any()
}
