//! The tracer in a page. There is one state per page. It is borrowed only for short calls, never
//! while code of the page runs.

mod activity;
mod effects;
mod entry;
mod errors;
mod interaction;
mod js;
mod launch;
mod page;
mod requests;
mod state;

use std::borrow::Cow;
use std::cell::{Cell, RefCell};

use throughline_wire::{AttributeValue, Attributes, SpanEvent, SpanKind, Status};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Headers, RequestInit, Response};

use self::state::{Parent, State};
use crate::rules::limits;
use crate::{ClientError, Config, Request, SpanContext};

/// The handle of an open span: its ids and its key in the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Open {
    context: SpanContext,
    key: u32,
}

impl Open {
    pub(crate) fn context(self) -> SpanContext {
        self.context
    }
}

thread_local! {
    static STATE: RefCell<Option<State>> = const { RefCell::new(None) };
    /// The current span: the one whose future or scope runs now.
    static ENTERED: Cell<Option<Open>> = const { Cell::new(None) };
}

/// Runs `work` on the state, then carries out the requests and timers that result from it.
///
/// Returns `None` if there is no state or if it is already borrowed. The effects run after the
/// state is released, because they may call back into the tracer.
fn with<T>(work: impl FnOnce(&mut State, f64) -> T) -> Option<T> {
    let now_ms = js::now();
    let (value, effects) = STATE.with(|state| {
        let mut state = state.try_borrow_mut().ok()?;
        let state = state.as_mut()?;
        let value = work(state, now_ms);
        Some((value, state.effects(now_ms)))
    })?;
    effects.carry_out();
    Some(value)
}

pub(crate) fn start(config: Config) {
    let is_new = STATE.with(|state| state.try_borrow().is_ok_and(|state| state.is_none()));
    if is_new {
        launch::launch(config);
    }
}

pub(crate) fn begin(
    name: Cow<'static, str>,
    mut attributes: Attributes,
    parent: Option<SpanContext>,
) -> Option<Open> {
    let exact = js::in_dispatch();
    with(|state, now_ms| {
        let parent = match parent {
            Some(parent) => Parent::Known(parent),
            None => state.ambient(now_ms, exact),
        };
        let open = state.begin(now_ms, name, SpanKind::Internal, parent)?;
        if let Some(begun) = state.open_span(open.key) {
            for (key, value) in attributes.entries_mut().drain(..) {
                limits::set(&mut begun.span, key, value);
            }
        }
        Some(open)
    })?
}

pub(crate) fn set(open: Open, key: Cow<'static, str>, value: AttributeValue) {
    with(|state, _| {
        if let Some(begun) = state.open_span(open.key) {
            limits::set(&mut begun.span, key, value);
        }
    });
}

/// Adds an event with the current time and, if given, sets the status.
pub(crate) fn event(
    open: Open,
    name: Cow<'static, str>,
    attributes: Attributes,
    status: Option<Status>,
) {
    with(|state, now_ms| {
        if let Some(begun) = state.open_span(open.key) {
            let event = SpanEvent {
                time: begun.anchor.stamp(now_ms),
                name,
                attributes,
                dropped_attributes_count: 0,
            };
            limits::add_event(&mut begun.span, event);
            if let Some(status) = status {
                limits::set_status(&mut begun.span, status);
            }
        }
    });
}

pub(crate) fn end(open: Open) {
    with(|state, now_ms| state.end(open.key, now_ms));
}

/// A guard that restores the previous current span when it is dropped.
pub(crate) struct Entered {
    before: Option<Open>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        ENTERED.set(self.before);
    }
}

/// Makes `span` the current span until the guard is dropped. Changes nothing if `span` is `None`.
pub(crate) fn enter(span: Option<Open>) -> Entered {
    let before = ENTERED.get();
    if span.is_some() {
        ENTERED.set(span);
    }
    Entered { before }
}

pub(crate) fn current() -> Option<Open> {
    with(State::ambient_open)?
}

pub(crate) fn session_id() -> Option<String> {
    with(|state, _| state.session_id())
}

pub(crate) fn set_user(user_id: Option<String>) {
    with(|state, _| state.user_id = user_id);
}

pub(crate) fn flush() {
    with(|state, _| state.flush_due = true);
}

pub(crate) async fn fetch(request: Request) -> Result<Response, ClientError> {
    let promise = {
        let headers = Headers::new().map_err(ClientError::Rejected)?;
        for (name, value) in &request.headers {
            headers.append(name, value).map_err(ClientError::Rejected)?;
        }
        let init = RequestInit::new();
        init.set_method(request.method);
        init.set_headers(&headers);
        if let Some(body) = &request.body {
            init.set_body(&JsValue::from_str(body));
        }
        js::call(&request.url, &init).map_err(ClientError::Rejected)?
    };
    let response = JsFuture::from(promise)
        .await
        .map_err(ClientError::Rejected)?;
    response.dyn_into().map_err(ClientError::Rejected)
}
