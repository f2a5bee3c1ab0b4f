//! The state that pages derive from their URL and their data, separate from how it is drawn.

mod event_stream;
mod folds;
mod list_address;
mod list_news;
mod list_request;
mod live_list;
mod live_trace;
mod log_request;
mod lookup_request;
mod page_links;
mod page_signal;
mod row_in_view;
mod scroll_anchor;
mod selected_span;
mod trace_outline;
mod trace_pin;
mod trace_request;
mod user_reading;
mod view_memory;

pub(crate) use folds::Folds;
pub(crate) use list_address::{keep_list_address, last_list_address};
pub(crate) use list_request::{ListRequest, filter_href};
pub(crate) use live_list::{LiveList, StreamState};
pub(crate) use live_trace::{LiveTrace, ReadTrace};
pub(crate) use log_request::{LogRequest, log_filter_href};
pub(crate) use lookup_request::{LookupRequest, lookup_href};
pub(crate) use page_links::{PageLinks, Searched};
pub(crate) use page_signal::PageSignal;
pub(crate) use row_in_view::RowInView;
pub(crate) use scroll_anchor::ScrollAnchor;
pub(crate) use selected_span::Selection;
pub(crate) use trace_outline::{DrawnRows, Outline};
pub(crate) use trace_pin::PinState;
pub(crate) use trace_request::TraceRequest;
pub(crate) use view_memory::ViewMemory;
