//! The lookup form in a dialog, for pages without one.

use leptos::prelude::*;
use leptos::wasm_bindgen::JsCast as _;
use web_sys::{HtmlDialogElement, HtmlInputElement};

use super::lookup_box::LookupForm;

/// The dialog that [`open_search_dialog`] opens. It stays in the document, so a text that was typed
/// and not submitted is there when the dialog is opened again.
#[component]
pub(super) fn SearchDialog() -> impl IntoView {
    let dialog = NodeRef::<leptos::html::Dialog>::new();
    let close = Callback::new(move |field: HtmlInputElement| {
        field.set_value("");
        if let Some(dialog) = dialog.get_untracked() {
            dialog.close();
        }
    });
    view! {
        <dialog class="search" node_ref=dialog aria-label="Look up an id" data-search-dialog>
            <LookupForm label="Id to look up" text=Signal::stored(String::new()) on_submit=close />
        </dialog>
    }
    .into_any()
}

/// Opens the dialog, with the focus in its field. Reports whether it is open.
pub(super) fn open_search_dialog() -> bool {
    let dialog = document().query_selector("[data-search-dialog]");
    let dialog = dialog
        .ok()
        .flatten()
        .and_then(|dialog| dialog.dyn_into().ok());
    dialog.is_some_and(|dialog: HtmlDialogElement| dialog.show_modal().is_ok())
}
