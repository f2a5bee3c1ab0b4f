//! The theme switch: system, light or dark.

use leptos::prelude::*;

use crate::state::PageSignal;
use crate::ui::{Glyph, Icon};

/// The local storage key of the theme. `public/theme.js` reads it before the first paint.
const STORAGE_KEY: &str = "throughline-theme";

const THEMES: [(&str, &str, Glyph); 3] = [
    ("", "System theme", Glyph::System),
    ("light", "Light", Glyph::Light),
    ("dark", "Dark", Glyph::Dark),
];

/// Three buttons. Without script they are hidden and the system theme applies.
#[component]
pub(crate) fn ThemeSwitch() -> impl IntoView {
    // The server cannot know the theme, so it is read after hydration.
    let theme = PageSignal::new(String::new());
    Effect::new(move || theme.set(current()));
    let button = move |(value, title, glyph): (&'static str, &'static str, Glyph)| {
        let choose = move |_| {
            apply(value);
            theme.set(value.to_owned());
        };
        view! {
            <button
                type="button"
                title=title
                aria-label=title
                aria-pressed=move || if theme.get() == value { "true" } else { "false" }
                on:click=choose
            >
                <Icon glyph />
            </button>
        }
    };
    view! {
        <div class="theme needs-js" role="group" aria-label="Colours">
            {THEMES.map(button)}
        </div>
    }
    .into_any()
}

fn root() -> Option<web_sys::HtmlElement> {
    use leptos::wasm_bindgen::JsCast as _;
    document().document_element()?.dyn_into().ok()
}

fn current() -> String {
    root()
        .and_then(|root| root.dataset().get("theme"))
        .unwrap_or_default()
}

/// Applies `theme` and stores it. If the browser cannot store it, the theme still applies.
fn apply(theme: &str) {
    let Some(root) = root() else {
        return;
    };
    let storage = window().local_storage().ok().flatten();
    if theme.is_empty() {
        root.dataset().delete("theme");
        let _ = storage.map(|storage| storage.remove_item(STORAGE_KEY));
    } else {
        let _ = root.dataset().set("theme", theme);
        let _ = storage.map(|storage| storage.set_item(STORAGE_KEY, theme));
    }
}
