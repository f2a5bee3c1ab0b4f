//! The state that pages derive from their URL and their data, separate from how it is drawn.

pub(crate) mod event_stream;
pub(crate) mod folds;
pub(crate) mod list_request;
pub(crate) mod live;
pub(crate) mod live_trace;
pub(crate) mod lookup_request;
pub(crate) mod outline;
pub(crate) mod page_links;
pub(crate) mod pin;
pub(crate) mod query;
pub(crate) mod reading;
pub(crate) mod scroll_anchor;
pub(crate) mod selection;

pub(crate) use folds::Folds;
pub(crate) use list_request::{ListRequest, filter_href};
pub(crate) use live::{LiveList, StreamState};
pub(crate) use live_trace::LiveTrace;
pub(crate) use lookup_request::{LookupRequest, lookup_href};
pub(crate) use outline::Outline;
pub(crate) use page_links::{PageLinks, Searched};
pub(crate) use pin::PinState;
pub(crate) use scroll_anchor::ScrollAnchor;
pub(crate) use selection::Selection;
