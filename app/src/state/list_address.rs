//! The address of the list of traces that the user saw last in this tab.

use leptos::prelude::*;
use leptos_router::hooks::use_location;

use super::PageSignal;

/// The key in the session storage.
const STORAGE_KEY: &str = "throughline-list";
/// The address of the list without a filter.
const LIST: &str = "/traces";

/// Keeps the query string of the list while the list is the page in the address. The list still
/// exists when the address is already that of the next page.
pub(crate) fn keep_list_address(search: Memo<String>) {
    let pathname = use_location().pathname;
    Effect::new(move |_| {
        let search = search.get();
        if pathname.get_untracked() != LIST {
            return;
        }
        let storage = window().session_storage().ok().flatten();
        let _ = storage.map(|storage| storage.set_item(STORAGE_KEY, &search));
    });
}

/// Returns the address of the list that the user saw last, with its filter and page.
///
/// # Server-Side Rendering
/// On the server it is the address without a filter.
pub(crate) fn last_list_address() -> PageSignal<String> {
    let address = PageSignal::new(LIST.to_owned());
    Effect::new(move |_| {
        let storage = window().session_storage().ok().flatten();
        let search = storage.and_then(|storage| storage.get_item(STORAGE_KEY).ok().flatten());
        if let Some(search) = search.filter(|search| !search.is_empty()) {
            address.set(format!("{LIST}?{}", search.trim_start_matches('?')));
        }
    });
    address
}
