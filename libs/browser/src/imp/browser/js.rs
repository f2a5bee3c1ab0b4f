//! The bindings to `js/hooks.js`. No function here throws, except `call`.

use js_sys::{Array, Promise};
use wasm_bindgen::prelude::*;
use web_sys::RequestInit;

use crate::rules::address::Address;

#[wasm_bindgen(module = "/js/hooks.js")]
extern "C" {
    /// Installs the listeners and patches. `callback` receives the events.
    pub(super) fn install(callback: &JsValue, patch_fetch: bool);
    /// Calls the traced `fetch`.
    #[wasm_bindgen(catch)]
    pub(super) fn call(url: &str, init: &RequestInit) -> Result<Promise, JsValue>;
    /// Reports whether the listeners of the current interaction run.
    pub(super) fn in_dispatch() -> bool;
    /// Posts a batch.
    pub(super) fn send(id: u32, url: &str, body: &str, keepalive: bool);
    /// Sets a timer that fires after `ms`.
    pub(super) fn after(ms: f64, timer: u32);
    /// Returns the monotonic time since the page's time origin, in ms.
    pub(super) fn now() -> f64;
    /// Returns the wall-clock time since the Unix epoch, in ms.
    pub(super) fn wall() -> f64;
    /// Fills `bytes` with random bytes.
    pub(super) fn random(bytes: &mut [u8]);
    /// Reads a key of the session storage.
    pub(super) fn load(key: &str) -> Option<String>;
    /// Writes a key of the session storage.
    pub(super) fn store(key: &str, text: &str);
    /// Returns an attribute of `<meta name="..">`.
    pub(super) fn meta(name: &str, attribute: &str) -> Option<String>;
    /// Returns the user agent string of the browser.
    pub(super) fn user_agent() -> Option<String>;
    /// Returns the times of the page load. See [`Navigation`].
    fn navigation() -> JsValue;
    /// Returns the parts of the page's own URL, or undefined without a page.
    fn location_parts() -> JsValue;
    /// Returns the parts of a URL. It may be relative to the page.
    fn url_parts(url: &str) -> JsValue;
}

/// Returns `value` as an array. It is empty if `value` is not an array.
pub(super) fn array(value: &JsValue) -> Array {
    if Array::is_array(value) {
        value.unchecked_ref::<Array>().clone()
    } else {
        Array::new()
    }
}

/// Returns the text at index `at`, or an empty text.
pub(super) fn text(array: &Array, at: u32) -> String {
    array.get(at).as_string().unwrap_or_default()
}

/// Returns the number at index `at`, or 0.
pub(super) fn number(array: &Array, at: u32) -> f64 {
    array.get(at).as_f64().unwrap_or_default()
}

/// Returns the URL whose parts are the first elements of the array.
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

/// Returns the page's own URL, or `None` without a page.
pub(super) fn location() -> Option<Address> {
    address_of(&location_parts())
}

/// Parses `url` with the browser's parser.
pub(super) fn parse(url: &str) -> Option<Address> {
    address_of(&url_parts(url))
}

/// The times of the page load, in ms since the time origin. 0 means unknown.
pub(super) struct Navigation {
    pub(super) response_start_ms: f64,
    pub(super) dom_content_loaded_ms: f64,
    pub(super) load_ms: f64,
    pub(super) activation_ms: f64,
    pub(super) from_cache: bool,
}

impl Navigation {
    /// Reads the array that `hooks.js` returns.
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

    /// Returns the times that are known now.
    pub(super) fn now() -> Self {
        Self::read(&navigation())
    }
}
