//! The entry point of the control panel in the browser.

use leptos::mount::hydrate_body;
use leptos::prelude::document;
use wasm_bindgen::prelude::wasm_bindgen;

/// Hydrates the page that the server rendered. The page's script calls it.
#[wasm_bindgen]
pub fn hydrate() {
    // The page contains this tag if the server enables self-tracing.
    let endpoint = document().query_selector("meta[name=throughline-endpoint]");
    if endpoint.is_ok_and(|meta| meta.is_some()) {
        throughline_browser::start(throughline_browser::Config::new("throughline-panel"));
    }
    hydrate_body(throughline_app::App);
    // A marker for scripts that drive the page: from now on it handles keys and clicks.
    if let Some(html) = document().document_element() {
        // Cannot fail for this name, and a failure would do no harm.
        let _ = html.set_attribute("data-alive", "");
    }
}
