//! The pages of the example shop, built in the browser.
//!
//! It is an ordinary Leptos application. What makes it traced is marked `TRACE` in the source and
//! listed in `examples/shop/README.md`.
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

/// Called by the page once the WASM is there.
#[wasm_bindgen(start)]
pub fn start() {
    // TRACE: page views, clicks, submits and fetches from here on.
    throughline_browser::start(throughline_browser::Config::new("shop-web"));
    leptos::mount::mount_to_body(app::App);
}
