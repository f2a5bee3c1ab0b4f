//! What the helper asks of the page, in `js/hooks.js`; nothing here throws but `call`.

use js_sys::{Array, Promise};
use wasm_bindgen::prelude::*;
use web_sys::RequestInit;

use crate::rules::address::Address;

#[wasm_bindgen(module = "/js/hooks.js")]
extern "C" {
    /// Sets the listeners and patches; `callback` is told what happens.
    pub(super) fn install(callback: &JsValue, patch_fetch: bool);
    /// The traced `fetch`.
    #[wasm_bindgen(catch)]
    pub(super) fn call(url: &str, init: &RequestInit) -> Result<Promise, JsValue>;
    /// Whether the listeners of the current interaction run.
    pub(super) fn in_dispatch() -> bool;
    /// Posts a batch.
    pub(super) fn send(id: u32, url: &str, body: &str, keepalive: bool);
    /// Asks to be called after a while.
    pub(super) fn after(ms: f64, timer: u32);
    /// Monotonic ms since the page's time origin.
    pub(super) fn now() -> f64;
    /// Wall-clock ms since the Unix epoch.
    pub(super) fn wall() -> f64;
    /// Fills with random bytes.
    pub(super) fn random(bytes: &mut [u8]);
    /// Reads session storage.
    pub(super) fn load(key: &str) -> Option<String>;
    /// Writes session storage.
    pub(super) fn store(key: &str, text: &str);
    /// An attribute of `<meta name="..">`.
    pub(super) fn meta(name: &str, attribute: &str) -> Option<String>;
    /// The browser's name for itself.
    pub(super) fn user_agent() -> Option<String>;
    /// Times of the page's load; see [`Navigation`].
    fn navigation() -> JsValue;
    /// The page's own URL, or nothing without a page.
    fn location_parts() -> JsValue;
    /// A URL, relative to the page.
    fn url_parts(url: &str) -> JsValue;
}

/// The array in `value`; empty when it is none.
pub(super) fn array(value: &JsValue) -> Array {
    if Array::is_array(value) {
        value.unchecked_ref::<Array>().clone()
    } else {
        Array::new()
    }
}

/// The text at `at`; empty when there is none.
pub(super) fn text(array: &Array, at: u32) -> String {
    array.get(at).as_string().unwrap_or_default()
}

/// The number at `at`; 0 when there is none.
pub(super) fn number(array: &Array, at: u32) -> f64 {
    array.get(at).as_f64().unwrap_or_default()
}

/// The URL whose parts begin the array.
pub(super) fn address(parts: &Array) -> Address {
    Address {
        origin: text(parts, 0),
        scheme: text(parts, 1),
        host: text(parts, 2),
        port: text(parts, 3),
        path: text(parts, 4),
        query: text(parts, 5),
    }
}

fn address_of(value: &JsValue) -> Option<Address> {
    Array::is_array(value).then(|| address(&array(value)))
}

/// The page's own URL; nothing where there is no page.
pub(super) fn location() -> Option<Address> {
    address_of(&location_parts())
}

/// What the browser's parser makes of `url`.
pub(super) fn parse(url: &str) -> Option<Address> {
    address_of(&url_parts(url))
}

/// Times of the page's load, ms since the time origin; 0 when not known.
pub(super) struct Navigation {
    pub(super) response_start_ms: f64,
    pub(super) dom_content_loaded_ms: f64,
    pub(super) load_ms: f64,
    pub(super) activation_ms: f64,
    pub(super) from_cache: bool,
}

impl Navigation {
    /// Takes what `hooks.js` tells.
    pub(super) fn read(value: &JsValue) -> Self {
        let times = array(value);
        Self {
            response_start_ms: number(&times, 0),
            dom_content_loaded_ms: number(&times, 1),
            load_ms: number(&times, 2),
            activation_ms: number(&times, 3),
            from_cache: times.get(4).is_truthy(),
        }
    }

    /// What is known now.
    pub(super) fn now() -> Self {
        Self::read(&navigation())
    }
}
