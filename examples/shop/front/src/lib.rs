//! The pages of the example shop, rendered in the browser.
//!
//! It is an ordinary Leptos application. The lines that add tracing are marked `TRACE` in the
//! source and listed in `examples/shop/README.md`.
#![expect(
    unreachable_pub,
    reason = "`#[component]` writes `pub fn`, whatever the visibility given"
)]

mod api;
mod app;
mod basket;
mod components;
mod money;
mod pages;
mod task;

use wasm_bindgen::prelude::wasm_bindgen;

/// Starts the application. The page calls it when the WASM is loaded.
#[wasm_bindgen(start)]
pub fn start() {
    // TRACE: records page views, clicks, submits and fetches from here on.
    throughline_browser::start(throughline_browser::Config::new("shop-web"));
    leptos::mount::mount_to_body(app::App);
}
