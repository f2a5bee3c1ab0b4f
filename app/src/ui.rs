//! The smallest components. Each one draws one thing and knows no page.

mod as_typed;
mod copy_button;
mod icon;
mod loading;
mod notice;
mod service_tag;
mod statement;
mod visible;

pub(crate) use as_typed::AsTyped;
pub(crate) use copy_button::{CopyButton, copy_text};
pub(crate) use icon::{Brand, Glyph, Icon};
pub(crate) use loading::Loading;
pub(crate) use notice::{FailureNotice, Notice};
pub(crate) use service_tag::ServiceTag;
pub(crate) use statement::Statement;
pub(crate) use visible::visible;
