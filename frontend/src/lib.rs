//! The entry of the control panel in the browser.

use leptos::mount::hydrate_body;
use wasm_bindgen::prelude::wasm_bindgen;

/// Brings the page the server rendered to life; the page's own script calls it.
#[wasm_bindgen]
pub fn hydrate() {
    hydrate_body(throughline_app::App);
}
