//! The implementation without a page: futures and closures run, nothing is recorded.

use std::borrow::Cow;
use std::convert::Infallible;

use throughline_wire::{AttributeValue, Attributes, Status};
use web_sys::Response;

use crate::{ClientError, Config, Request, SpanContext};

/// The handle of an open span. No value exists.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Open(Infallible);

impl Open {
    pub(crate) fn context(self) -> SpanContext {
        match self.0 {}
    }
}

pub(crate) fn start(_config: Config) {}

pub(crate) fn begin(
    _name: Cow<'static, str>,
    _attributes: Attributes,
    _parent: Option<SpanContext>,
) -> Option<Open> {
    None
}

pub(crate) fn set(open: Open, _key: Cow<'static, str>, _value: AttributeValue) {
    match open.0 {}
}

pub(crate) fn event(
    open: Open,
    _name: Cow<'static, str>,
    _attributes: Attributes,
    _status: Option<Status>,
) {
    match open.0 {}
}

pub(crate) fn end(open: Open) {
    match open.0 {}
}

/// A guard that does nothing. In the browser it restores the current span.
pub(crate) struct Entered;

pub(crate) fn enter(_span: Option<Open>) -> Entered {
    Entered
}

pub(crate) fn current() -> Option<Open> {
    None
}

pub(crate) fn session_id() -> Option<String> {
    None
}

pub(crate) fn set_user(_user_id: Option<String>) {}

pub(crate) fn flush() {}

#[expect(
    clippy::unused_async,
    reason = "waits in the browser; both have one signature"
)]
pub(crate) async fn fetch(request: Request) -> Result<Response, ClientError> {
    drop((request.method, request.url, request.headers, request.body));
    Err(ClientError::NotInBrowser)
}
