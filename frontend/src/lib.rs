//! The entry of the control panel in the browser.

use leptos::mount::hydrate_body;
use leptos::prelude::document;
use wasm_bindgen::prelude::wasm_bindgen;

/// Brings the page the server rendered to life; the page's own script calls it.
#[wasm_bindgen]
pub fn hydrate() {
    // The server says so in the page when it wants the panel traced.
    let endpoint = document().query_selector("meta[name=throughline-endpoint]");
    if endpoint.is_ok_and(|meta| meta.is_some()) {
        throughline_browser::start(throughline_browser::Config::new("throughline-panel"));
    }
    hydrate_body(throughline_app::App);
    // For whoever drives the page by a script: from here on it answers to keys and clicks.
    if let Some(html) = document().document_element() {
        // It cannot fail for a name like this, and nothing would be lost.
        let _ = html.set_attribute("data-alive", "");
    }
}
