//! The keyboard shortcuts: row navigation, opening a row, and the list of shortcuts.

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast as _;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use super::nav::PAGES;
use super::search_dialog::{SearchDialog, open_search_dialog};
use crate::ui::copy_text;

mod rows;

/// The shortcuts in the order of the list: the keys, and what they do.
const KEYS: [(&str, &str); 13] = [
    ("/", "Look up any id"),
    ("j  k", "Next and previous row"),
    ("Enter", "Open the row"),
    ("←  →", "Fold and unfold a span"),
    ("e", "Next error"),
    ("Esc", "Close the pane or this list"),
    ("c", "Copy the link to this page"),
    ("g t", "Go to the traces"),
    ("g o", "Go to the logs"),
    ("g l", "Go to the ID lookup"),
    ("g d", "Go to storage (disk)"),
    ("?", "Show keyboard shortcuts"),
    ("Tab", "Next link or button"),
];

/// Handles keyboard shortcuts while the page is open, and lists them in a dialog.
#[component]
pub(crate) fn KeyHelp() -> impl IntoView {
    let dialog = NodeRef::<leptos::html::Dialog>::new();
    let navigate = use_navigate();
    // Effects run in the browser only. The server has no keyboard.
    Effect::new(move || {
        let navigate = navigate.clone();
        let after_g = StoredValue::new(false);
        let keys = window_event_listener(leptos::ev::keydown, move |event| {
            if event.ctrl_key() || event.meta_key() || event.alt_key() || event.is_composing() {
                return;
            }
            let key = event.key();
            if rows::is_typing() {
                if key == "Escape" {
                    rows::leave_field();
                }
                return;
            }
            let follows_g = after_g.get_value();
            after_g.set_value(key == "g");
            let is_done = match key.as_str() {
                "?" => show(dialog),
                "/" => rows::focus_search() || open_search_dialog(),
                "j" => rows::step(true),
                "k" => rows::step(false),
                "e" => rows::next_error(),
                "Escape" => rows::close(),
                "c" => {
                    copy_text(&window().location().href().unwrap_or_default());
                    true
                }
                _ if follows_g => page_of(&key).is_some_and(|path| {
                    navigate(path, NavigateOptions::default());
                    true
                }),
                _ => false,
            };
            if is_done {
                event.prevent_default();
            }
        });
        let help = window_event_listener(leptos::ev::click, move |event| {
            let target = event
                .target()
                .and_then(|at| at.dyn_into::<web_sys::Element>().ok());
            if target
                .and_then(|at| at.closest("[data-keys]").ok().flatten())
                .is_some()
            {
                show(dialog);
            }
        });
        on_cleanup(move || {
            keys.remove();
            help.remove();
        });
    });
    let rows = KEYS.map(|(keys, what)| {
        let keys: Vec<_> = keys
            .split("  ")
            .map(|key| view! { <kbd>{key}</kbd> })
            .collect();
        view! {
            <dt>{keys}</dt>
            <dd>{what}</dd>
        }
    });
    view! {
        <dialog class="key-help" node_ref=dialog aria-labelledby="key-help-title">
            <form method="dialog">
                <h2 id="key-help-title">"Keyboard shortcuts"</h2>
                <button class="btn" aria-label="Close keyboard shortcuts">
                    "Close"
                </button>
            </form>
            <dl>{rows}</dl>
        </dialog>
        <SearchDialog />
    }
    .into_any()
}

/// Returns the page that a key opens after `g`.
fn page_of(key: &str) -> Option<&'static str> {
    let page = PAGES.into_iter().find(|(.., of_page)| *of_page == key);
    page.map(|(path, ..)| path)
}

fn show(dialog: NodeRef<leptos::html::Dialog>) -> bool {
    // The browser refuses to open a dialog that is open already. That error is harmless.
    dialog
        .get_untracked()
        .is_some_and(|dialog| dialog.show_modal().is_ok())
}
