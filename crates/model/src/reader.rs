//! The trait by which pages and the API read traces.

use core::future::Future;
use core::pin::Pin;

use serde::{Deserialize, Serialize};
use throughline_wire::{SpanId, TraceId};

use crate::{
    EventCursor, EventFilter, EventPage, EventPageRequest, EventsOf, Lookup, Page, PageRequest,
    Payload, Reference, RollupFilter, RollupReport, ServiceList, SpanCursor, SpansOfId, Trace,
    TraceFilter, TraceSkeleton, TraceStatistics, TraceSummary, WholeEvents,
};

/// A boxed future. A trait object can return it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The reason why a read failed. It is safe to show: it has no internal detail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "kind", content = "detail", rename_all = "snake_case")]
pub enum ReadError {
    /// The database cannot be reached or is starting. A retry may succeed soon.
    #[error("cannot connect to the database right now")]
    Unavailable,
    /// The query exceeded its timeout.
    #[error("the query took too long; choose a shorter time range or a narrower filter")]
    TimedOut,
    /// The request is invalid; the text says why.
    #[error("{0}")]
    Invalid(String),
    /// An internal error; the log has the detail.
    #[error("internal error: the query failed; see the server's log")]
    Internal,
}

/// The traces that a filter selects from some given ones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SelectedTraces {
    /// The selected traces, newest first.
    pub traces: Vec<TraceSummary>,
    /// True if the search stopped at its limit, so that some traces were not decided.
    pub is_cut: bool,
}

/// Reads the traces of one tenant.
///
/// An implementation is bound to its tenant when it is made, so no caller can read another tenant's
/// data.
pub trait TraceReader: Send + Sync {
    /// Returns one page of the traces that `filter` selects, newest first.
    fn list_traces<'a>(
        &'a self,
        filter: &'a TraceFilter,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<TraceSummary>, ReadError>>;

    /// Returns those of `traces` that `filter` selects, newest first, by the same rules as the list.
    /// The live view asks for the traces of a commit.
    fn select_traces<'a>(
        &'a self,
        filter: &'a TraceFilter,
        traces: &'a [TraceSummary],
    ) -> BoxFuture<'a, Result<SelectedTraces, ReadError>>;

    /// Returns statistics over all the traces that `filter` selects.
    fn trace_statistics<'a>(
        &'a self,
        filter: &'a TraceFilter,
    ) -> BoxFuture<'a, Result<TraceStatistics, ReadError>>;

    /// Returns the data of one trace that a waterfall draws, or `None` if there is no such trace.
    /// Reads no attributes.
    fn trace_skeleton(
        &self,
        trace_id: TraceId,
    ) -> BoxFuture<'_, Result<Option<TraceSkeleton>, ReadError>>;

    /// Returns all details of the first spans with this id. There are several if a sender used the id
    /// twice, and none if the id is unknown.
    fn span_details(
        &self,
        trace_id: TraceId,
        span_id: SpanId,
    ) -> BoxFuture<'_, Result<SpansOfId, ReadError>>;

    /// Returns an offloaded payload of the span, by the hash in
    /// [`SpanDetails::payloads`](crate::SpanDetails::payloads), or `None` if this span has no such
    /// payload.
    fn span_payload<'a>(
        &'a self,
        trace_id: TraceId,
        span_id: SpanId,
        hash: &'a str,
    ) -> BoxFuture<'a, Result<Option<Payload>, ReadError>>;

    /// Returns an offloaded payload of the log record or event at the cursor.
    fn event_payload<'a>(
        &'a self,
        event: EventCursor,
        hash: &'a str,
    ) -> BoxFuture<'a, Result<Option<Payload>, ReadError>>;

    /// Returns one page of the log records and events that `filter` selects, newest first.
    fn list_events<'a>(
        &'a self,
        filter: &'a EventFilter,
        page: EventPageRequest,
    ) -> BoxFuture<'a, Result<EventPage, ReadError>>;

    /// Returns the next page of events as they were sent, with whole payloads, oldest first.
    /// Without `after` it is the first page.
    fn whole_events<'a>(
        &'a self,
        of: &'a EventsOf,
        after: Option<EventCursor>,
    ) -> BoxFuture<'a, Result<WholeEvents, ReadError>>;

    /// Returns one page of the traces with an indexed attribute of this value, newest first. If
    /// `key` is given, only the attribute of that name counts.
    fn find_traces<'a>(
        &'a self,
        key: Option<&'a str>,
        value: &'a str,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<TraceSummary>, ReadError>>;

    /// Looks up a reference: as a trace id, as an indexed value, and as a span id. For a span id,
    /// it searches the newest traces before the position of the page.
    fn lookup<'a>(
        &'a self,
        reference: &'a Reference,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Lookup, ReadError>>;

    /// Returns the trace with whole payloads, or `None` if there is no such trace. A large trace
    /// comes in pages of spans: the page after `after`, or the first page without it.
    fn trace(
        &self,
        trace_id: TraceId,
        after: Option<SpanCursor>,
    ) -> BoxFuture<'_, Result<Option<Trace>, ReadError>>;

    /// Returns counts and percentiles of spans by operation and window of time. They include a span
    /// as soon as it is committed.
    fn rollups<'a>(
        &'a self,
        filter: &'a RollupFilter,
    ) -> BoxFuture<'a, Result<RollupReport, ReadError>>;

    /// Returns the names of the known services that begin with `prefix`, in alphabetical order, as many
    /// as a list may have.
    fn list_services<'a>(
        &'a self,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<ServiceList, ReadError>>;
}
