//! The navigation: on the left, on narrow screens at the top.

use leptos::prelude::*;
use leptos_router::hooks::use_location;

use super::ThemeSwitch;
use crate::ui::Brand;

/// The pages: the path, the label, and the key that opens it after `g`.
pub(super) const PAGES: [(&str, &str, &str); 4] = [
    ("/traces", "Traces", "t"),
    ("/logs", "Logs", "o"),
    ("/lookup", "Look up", "l"),
    ("/storage", "Storage", "d"),
];

/// The brand, the links to the pages, the theme switch.
#[component]
pub(crate) fn Nav() -> impl IntoView {
    let path = use_location().pathname;
    let pages = PAGES.map(|(href, label, key)| {
        let is_current = move || path.with(|path| path.starts_with(href));
        view! {
            <a
                class="page"
                class:on=is_current
                href=href
                aria-current=move || is_current().then_some("page")
            >
                {label}
                <kbd>{format!("g {key}")}</kbd>
            </a>
        }
    });
    view! {
        <nav class="nav" aria-label="Main">
            <a class="brand" href="/traces">
                <Brand />
            </a>
            {pages}
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
