//! The control panel: rendered on the server, brought to life in the browser.
//!
//! One code for both sides: what only a server has (the reader, the clock, the HTTP status)
//! arrives as trait objects and callbacks in the context, see [`PanelContext`].

#![expect(
    unreachable_pub,
    reason = "the component macro makes the builders of private components public"
)]

pub mod api;
mod app;
mod components;
pub mod context;
mod pages;
mod panels;
mod shell;
mod state;
mod ui;

pub use app::App;
pub use context::{Clock, PanelContext, SelfTrace, ServerInfo, SetStatus};
pub use shell::shell;
