//! How pages and the API read traces, whoever holds them.

use core::future::Future;
use core::pin::Pin;

use serde::{Deserialize, Serialize};
use throughline_wire::{SpanId, TraceId};

use crate::{
    EventCursor, EventFilter, EventPage, EventPageRequest, EventsOf, Lookup, Page, PageRequest,
    Payload, Reference, RollupFilter, RollupReport, SpanCursor, SpanDetails, Trace, TraceFilter,
    TraceSkeleton, TraceStatistics, TraceSummary, WholeEvents,
};

/// A future that a trait object can return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why nothing could be read; safe to show, nothing internal in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "kind", content = "detail", rename_all = "snake_case")]
pub enum ReadError {
    /// The database cannot be reached or is starting: the same request may succeed soon.
    #[error("the database cannot be reached right now")]
    Unavailable,
    /// The query took longer than it may.
    #[error("the query took too long; choose a shorter time range or a narrower filter")]
    TimedOut,
    /// The request cannot be understood; carries what is wrong with it.
    #[error("{0}")]
    Invalid(String),
    /// A fault of ours; the log says more.
    #[error("the query failed; the server's log says why")]
    Internal,
}

/// Reads the traces of one tenant.
///
/// An implementation is bound to its tenant when it is made, so no caller can ask for another's.
pub trait TraceReader: Send + Sync {
    /// One page of the traces `filter` selects, newest first.
    fn list_traces<'a>(
        &'a self,
        filter: &'a TraceFilter,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<TraceSummary>, ReadError>>;

    /// Figures over all the traces `filter` selects.
    fn trace_statistics<'a>(
        &'a self,
        filter: &'a TraceFilter,
    ) -> BoxFuture<'a, Result<TraceStatistics, ReadError>>;

    /// What a waterfall needs of one trace; none when there is no such trace. Reads no attributes.
    fn trace_skeleton(
        &self,
        trace_id: TraceId,
    ) -> BoxFuture<'_, Result<Option<TraceSkeleton>, ReadError>>;

    /// Everything known of the spans with this id: one, or several when a sender used the id
    /// twice; empty when there is none.
    fn span_details(
        &self,
        trace_id: TraceId,
        span_id: SpanId,
    ) -> BoxFuture<'_, Result<Vec<SpanDetails>, ReadError>>;

    /// A value that is kept apart from the span, by the hash that
    /// [`SpanDetails::payloads`](crate::SpanDetails::payloads) gives; none when this span has no
    /// such value.
    fn span_payload<'a>(
        &'a self,
        trace_id: TraceId,
        span_id: SpanId,
        hash: &'a str,
    ) -> BoxFuture<'a, Result<Option<Payload>, ReadError>>;

    /// The same of a log record or event, which its cursor names.
    fn event_payload<'a>(
        &'a self,
        event: EventCursor,
        hash: &'a str,
    ) -> BoxFuture<'a, Result<Option<Payload>, ReadError>>;

    /// One page of the log records and events `filter` selects, newest first.
    fn list_events<'a>(
        &'a self,
        filter: &'a EventFilter,
        page: EventPageRequest,
    ) -> BoxFuture<'a, Result<EventPage, ReadError>>;

    /// The next page of events as they were sent, large values in their places, oldest first;
    /// from the beginning without `after`.
    fn whole_events<'a>(
        &'a self,
        of: &'a EventsOf,
        after: Option<EventCursor>,
    ) -> BoxFuture<'a, Result<WholeEvents, ReadError>>;

    /// One page of the traces that `value` leads to, newest first: those with an indexed attribute
    /// of this value, of the name `key` when one is given.
    fn find_traces<'a>(
        &'a self,
        key: Option<&'a str>,
        value: &'a str,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<TraceSummary>, ReadError>>;

    /// What a reference leads to: a trace by its id, by an indexed value, or by the id of a span,
    /// for which the newest traces before the page's place are searched.
    fn lookup<'a>(
        &'a self,
        reference: &'a Reference,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Lookup, ReadError>>;

    /// The trace, large values in their places, or of a large one the page of spans that follows
    /// `after`, from its beginning without; none when there is no such trace.
    fn trace(
        &self,
        trace_id: TraceId,
        after: Option<SpanCursor>,
    ) -> BoxFuture<'_, Result<Option<Trace>, ReadError>>;

    /// Counts and percentiles of spans by operation and window of time; what was committed is in
    /// them at once.
    fn rollups<'a>(
        &'a self,
        filter: &'a RollupFilter,
    ) -> BoxFuture<'a, Result<RollupReport, ReadError>>;

    /// The names of all known services, in alphabetical order.
    fn list_services(&self) -> BoxFuture<'_, Result<Vec<String>, ReadError>>;
}
