#![doc = include_str!("../README.md")]

pub mod client;
mod config;
mod context;
mod imp;
#[cfg(any(target_family = "wasm", test))]
mod rules;
mod span;
mod traced;

pub use client::{ClientError, Request};
pub use config::Config;
pub use context::SpanContext;
pub use span::{ActiveSpan, SpanBuilder, span};
pub use throughline_wire::{AttributeValue, SpanId, TraceId};
pub use traced::{Traced, with_current};

/// Starts tracing this page; the first call counts, later ones return the same handle.
///
/// Call it first thing: requests and errors before it are not seen. It makes no request, never
/// throws, and does nothing where there is no page (in a worker).
///
/// # Server-Side Rendering
/// On the server this does nothing.
pub fn start(config: Config) -> Handle {
    imp::start(config);
    Handle(())
}

/// The tracing of this page.
#[derive(Debug, Clone, Copy)]
pub struct Handle(());

impl Handle {
    /// Whether the page is traced; `false` on the server.
    pub fn is_active(self) -> bool {
        imp::session_id().is_some()
    }

    /// The session of this tab, a UUID; `None` on the server.
    pub fn session_id(self) -> Option<String> {
        imp::session_id()
    }

    /// See [`flush`].
    pub fn flush(self) {
        imp::flush();
    }
}

/// The span that one begun now would have as its parent.
///
/// # Server-Side Rendering
/// On the server this is `None`.
pub fn current() -> Option<SpanContext> {
    imp::current().map(imp::Open::context)
}

/// Names the person who uses the page: spans that begin from now on carry `user.id`.
///
/// # Server-Side Rendering
/// On the server this does nothing.
pub fn set_user(user_id: impl Into<String>) {
    imp::set_user(Some(user_id.into()));
}

/// Forgets who uses the page, as after signing out.
pub fn clear_user() {
    imp::set_user(None);
}

/// Sends what has ended now rather than in up to five seconds.
///
/// # Server-Side Rendering
/// On the server this does nothing.
pub fn flush() {
    imp::flush();
}
