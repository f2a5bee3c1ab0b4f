//! A span for each request the page makes.

use js_sys::Array;
use throughline_wire::{SpanKind, Status, semconv};
use wasm_bindgen::JsValue;

use super::state::State;
use crate::rules::address::{Address, Propagation};

/// Methods are cut here, in characters.
const MAX_METHOD_CHARS: usize = 16;

/// Methods that `fetch` writes in capitals whatever the caller wrote.
const NORMALISED: [&str; 6] = ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"];

impl State {
    /// A request begins: `[key, traceparent, baggage]` of it, or undefined to leave it alone.
    pub(super) fn request(
        &mut self,
        now_ms: f64,
        address: &Address,
        method: &str,
        no_cors: bool,
        exact: bool,
    ) -> JsValue {
        let propagation = self.targets.decide(address);
        if propagation == Propagation::Ignore {
            return JsValue::UNDEFINED;
        }
        let capitals = method.to_ascii_uppercase();
        let method: String = if NORMALISED.contains(&capitals.as_str()) {
            capitals
        } else {
            method.chars().take(MAX_METHOD_CHARS).collect()
        };
        let parent = self.ambient(now_ms, exact);
        let name = format!("{method} {}", address.template());
        let Some(open) = self.begin(now_ms, name, SpanKind::Client, parent) else {
            return JsValue::UNDEFINED;
        };
        if let Some(begun) = self.open_span(open.key) {
            let attributes = &mut begun.span.attributes;
            attributes.insert(semconv::HTTP_REQUEST_METHOD, method);
            attributes.insert(semconv::URL_FULL, address.redacted());
            attributes.insert(semconv::SERVER_ADDRESS, address.host.clone());
            if let Some(port) = address.port_number() {
                attributes.insert(semconv::SERVER_PORT, port);
            }
        }
        let (mut traceparent, mut baggage) = (JsValue::UNDEFINED, JsValue::UNDEFINED);
        if !no_cors && propagation != Propagation::Record {
            traceparent = open.context.traceparent().to_string().into();
            if propagation == Propagation::TraceAndSession {
                baggage = format!("{}={}", semconv::SESSION_ID, self.session.id).into();
            }
        }
        Array::of3(&open.key.into(), &traceparent, &baggage).into()
    }

    /// The headers of the answer have come.
    pub(super) fn answered(&mut self, now_ms: f64, key: u32, status: u16) {
        if let Some(begun) = self.open_span(key) {
            let span = &mut begun.span;
            // 0 is what the browser says of an answer the page may not see into.
            if status != 0 {
                span.attributes
                    .insert(semconv::HTTP_RESPONSE_STATUS_CODE, status);
            }
            if status >= 400 {
                span.attributes
                    .insert(semconv::ERROR_TYPE, status.to_string());
                span.status = Status::error("");
            }
        }
        self.end(key, now_ms);
    }

    /// There is no answer: `error` is the name of what the promise was rejected with.
    pub(super) fn failed(&mut self, now_ms: f64, key: u32, error: String) {
        if let Some(begun) = self.open_span(key) {
            // A request the page itself called off has not failed.
            if error != "AbortError" {
                begun.span.status = Status::error("");
            }
            begun.span.attributes.insert(semconv::ERROR_TYPE, error);
        }
        self.end(key, now_ms);
    }
}
