#![doc = include_str!("../README.md")]

pub mod client;
mod config;
mod context;
mod imp;
mod request;
#[cfg(any(target_family = "wasm", test))]
mod rules;
mod span;
mod traced;

pub use config::Config;
pub use context::SpanContext;
pub use request::{ClientError, Request};
pub use span::{ActiveSpan, SpanBuilder, span};
pub use throughline_wire::{AttributeValue, SpanId, TraceId};
pub use traced::{Traced, with_current};

/// Starts tracing this page. Later calls have no effect and return the same handle.
///
/// Call it first: requests and errors before the call are not recorded. It sends no request, never
/// throws, and does nothing without a page (in a worker).
///
/// # Server-Side Rendering
/// On the server this does nothing.
pub fn start(config: Config) -> Handle {
    imp::start(config);
    Handle(())
}

/// The handle of the tracing of this page.
#[derive(Debug, Clone, Copy)]
pub struct Handle(());

impl Handle {
    /// Reports whether the page is traced. `false` on the server.
    pub fn is_active(self) -> bool {
        imp::session_id().is_some()
    }

    /// Returns the session id of this tab, a UUID. `None` on the server.
    pub fn session_id(self) -> Option<String> {
        imp::session_id()
    }

    /// Calls [`flush`].
    pub fn flush(self) {
        imp::flush();
    }
}

/// Returns the current span: the parent of a span that would begin now.
///
/// # Server-Side Rendering
/// On the server this returns `None`.
pub fn current() -> Option<SpanContext> {
    imp::current().map(imp::Open::context)
}

/// Sets the user of the page. Spans that begin after this call carry `user.id`.
///
/// # Server-Side Rendering
/// On the server this does nothing.
pub fn set_user(user_id: impl Into<String>) {
    imp::set_user(Some(user_id.into()));
}

/// Clears the user of the page, for example after a sign-out.
pub fn clear_user() {
    imp::set_user(None);
}

/// Sends the ended spans now. Without this call they wait up to 5 s.
///
/// # Server-Side Rendering
/// On the server this does nothing.
pub fn flush() {
    imp::flush();
}
