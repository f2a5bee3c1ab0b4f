//! Spans of the requests that the page sends.

use js_sys::Array;
use throughline_wire::{SpanKind, Status, semconv};
use wasm_bindgen::JsValue;

use super::state::State;
use crate::rules::address::{Address, Propagation};

/// The limit of a recorded method, in characters. The rest is cut off.
const MAX_METHOD_CHARS: usize = 16;

/// The methods that `fetch` converts to upper case.
const NORMALISED: [&str; 6] = ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"];

impl State {
    /// Begins the span of a request. Returns `[key, traceparent, baggage]`, or undefined if the
    /// request is not traced.
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

    /// Ends the span of a request when its response headers have arrived.
    pub(super) fn answered(&mut self, now_ms: f64, key: u32, status: u16) {
        if let Some(begun) = self.open_span(key) {
            let span = &mut begun.span;
            // Status 0 means an opaque response, which the page may not read.
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

    /// Ends the span of a request without a response. `error` is the name of the rejection value.
    pub(super) fn failed(&mut self, now_ms: f64, key: u32, error: String) {
        if let Some(begun) = self.open_span(key) {
            // A request that the page itself aborted has not failed.
            if error != "AbortError" {
                begun.span.status = Status::error("");
            }
            begun.span.attributes.insert(semconv::ERROR_TYPE, error);
        }
        self.end(key, now_ms);
    }
}
