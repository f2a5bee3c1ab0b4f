//! The control panel: rendered on the server, hydrated in the browser.
//!
//! Both sides run the same code. Services that only the server has (the reader, the clock, the HTTP
//! status) are trait objects and callbacks in the context, see [`PanelContext`].

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
