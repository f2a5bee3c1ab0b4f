//! The entry point for the events of `js/hooks.js`, which identifies each kind by a number.

use wasm_bindgen::JsValue;

use super::effects::{FLUSH, LOOK};
use super::js::{self, Navigation, array, number, text};
use super::state::Visibility;
use super::with;
use crate::rules::element::Element;

// The same numbers as in `js/hooks.js`.
const FETCH_BEGIN: u32 = 0;
const FETCH_END: u32 = 1;
const FETCH_FAIL: u32 = 2;
const CLICK: u32 = 3;
const SUBMIT: u32 = 4;
const ERROR: u32 = 5;
const HIDDEN: u32 = 6;
const ROUTE: u32 = 7;
const LOADED: u32 = 8;
const TIMER: u32 = 9;
const SENT: u32 = 10;

fn element(parts: &js_sys::Array) -> Element {
    Element {
        trace: text(parts, 0),
        tag: text(parts, 1),
        id: text(parts, 2),
        role: text(parts, 3),
    }
}

fn texts(value: &JsValue) -> Vec<String> {
    array(value)
        .iter()
        .filter_map(|text| text.as_string())
        .collect()
}

fn integer(value: &JsValue) -> u32 {
    value.as_f64().unwrap_or_default() as u32
}

/// Handles an event of the page. Returns a value only for the start of a request.
pub(super) fn happened(kind: u32, first: JsValue, second: JsValue) -> JsValue {
    let parts = array(&first);
    // Called before the state is borrowed, because the JavaScript function might call back.
    let exact = kind == FETCH_BEGIN && js::in_dispatch();
    let random = if kind == SENT {
        js_sys::Math::random()
    } else {
        0.0
    };
    with(|state, now_ms| {
        match kind {
            FETCH_BEGIN => {
                let (address, method) = (js::address(&parts), text(&parts, 6));
                return state.request(now_ms, &address, &method, second.is_truthy(), exact);
            }
            FETCH_END => state.answered(now_ms, integer(&first), integer(&second) as u16),
            FETCH_FAIL => {
                state.failed(
                    now_ms,
                    integer(&first),
                    second.as_string().unwrap_or_default(),
                );
            }
            CLICK => {
                let event_ms = second.as_f64().unwrap_or(now_ms);
                state.click(now_ms, event_ms, &element(&parts), parts.get(4).is_truthy());
            }
            SUBMIT => {
                let form = array(&second);
                state.submit(
                    now_ms,
                    number(&parts, 5),
                    &element(&parts),
                    parts.get(4).is_truthy(),
                    texts(&form.get(0)),
                    texts(&form.get(1)),
                );
            }
            ERROR => state.error(now_ms, text(&parts, 0), text(&parts, 1), text(&parts, 2)),
            HIDDEN => {
                let visibility = match (first.is_truthy(), second.is_truthy()) {
                    (_, true) => Visibility::Leaving,
                    (true, false) => Visibility::Hidden,
                    (false, false) => Visibility::Visible,
                };
                state.seen(now_ms, visibility);
            }
            ROUTE => state.route(now_ms, &js::address(&parts)),
            LOADED => state.loaded(now_ms, &Navigation::read(&first)),
            TIMER => match integer(&first) {
                LOOK => state.look_armed = false,
                FLUSH => {
                    state.flush_armed = false;
                    state.flush_due = true;
                }
                _ => {}
            },
            SENT => {
                let answer = array(&second);
                let status = number(&answer, 0) as u16;
                state
                    .outbox
                    .settle(integer(&first), status, number(&answer, 1), now_ms, random);
            }
            _ => {}
        }
        JsValue::UNDEFINED
    })
    .unwrap_or(JsValue::UNDEFINED)
}
