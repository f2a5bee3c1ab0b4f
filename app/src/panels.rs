//! The large parts of pages. Each one draws one result of the API.

mod log_list;
mod overview_strip;
mod pin_button;
mod pin_note;
mod span_pane;
mod statistics;
mod trace_head;
mod trace_list;
mod waterfall;

pub(crate) use log_list::LogList;
pub(crate) use overview_strip::OverviewStrip;
pub(crate) use span_pane::SpanPane;
pub(crate) use statistics::StatisticsPanel;
pub(crate) use trace_head::TraceHead;
pub(crate) use trace_list::TraceList;
pub(crate) use waterfall::Waterfall;
