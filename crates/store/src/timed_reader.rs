//! A reader whose calls end in time on a connection that died silently.

use std::time::Duration;

use throughline_model::{
    BoxFuture, EventCursor, EventFilter, EventPage, EventPageRequest, EventsOf, Lookup, Page,
    PageRequest, Payload, ReadError, Reference, RollupFilter, RollupReport, SelectedTraces,
    ServiceList, SpanCursor, SpansOfId, Trace, TraceFilter, TraceReader, TraceSkeleton,
    TraceStatistics, TraceSummary, WholeEvents,
};
use throughline_wire::{SpanId, TraceId};

use crate::in_time::read_within;
use crate::reader::PgTraceReader;

/// Answers [`ReadError::Unavailable`] when a call takes longer than `limit`.
pub(crate) struct TimedReader {
    pub reader: PgTraceReader,
    pub limit: Duration,
}

impl TimedReader {
    fn limit<'a, T: Send + 'a>(
        &self,
        work: BoxFuture<'a, Result<T, ReadError>>,
    ) -> BoxFuture<'a, Result<T, ReadError>> {
        Box::pin(read_within(self.limit, work))
    }
}

impl TraceReader for TimedReader {
    fn list_traces<'a>(
        &'a self,
        filter: &'a TraceFilter,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<TraceSummary>, ReadError>> {
        self.limit(self.reader.list_traces(filter, page))
    }

    fn select_traces<'a>(
        &'a self,
        filter: &'a TraceFilter,
        traces: &'a [TraceSummary],
    ) -> BoxFuture<'a, Result<SelectedTraces, ReadError>> {
        self.limit(self.reader.select_traces(filter, traces))
    }

    fn trace_statistics<'a>(
        &'a self,
        filter: &'a TraceFilter,
    ) -> BoxFuture<'a, Result<TraceStatistics, ReadError>> {
        self.limit(self.reader.trace_statistics(filter))
    }

    fn trace_skeleton(
        &self,
        trace_id: TraceId,
    ) -> BoxFuture<'_, Result<Option<TraceSkeleton>, ReadError>> {
        self.limit(self.reader.trace_skeleton(trace_id))
    }

    fn span_details(
        &self,
        trace_id: TraceId,
        span_id: SpanId,
    ) -> BoxFuture<'_, Result<SpansOfId, ReadError>> {
        self.limit(self.reader.span_details(trace_id, span_id))
    }

    fn span_payload<'a>(
        &'a self,
        trace_id: TraceId,
        span_id: SpanId,
        hash: &'a str,
    ) -> BoxFuture<'a, Result<Option<Payload>, ReadError>> {
        self.limit(self.reader.span_payload(trace_id, span_id, hash))
    }

    fn event_payload<'a>(
        &'a self,
        event: EventCursor,
        hash: &'a str,
    ) -> BoxFuture<'a, Result<Option<Payload>, ReadError>> {
        self.limit(self.reader.event_payload(event, hash))
    }

    fn list_events<'a>(
        &'a self,
        filter: &'a EventFilter,
        page: EventPageRequest,
    ) -> BoxFuture<'a, Result<EventPage, ReadError>> {
        self.limit(self.reader.list_events(filter, page))
    }

    fn whole_events<'a>(
        &'a self,
        of: &'a EventsOf,
        after: Option<EventCursor>,
    ) -> BoxFuture<'a, Result<WholeEvents, ReadError>> {
        self.limit(self.reader.whole_events(of, after))
    }

    fn find_traces<'a>(
        &'a self,
        key: Option<&'a str>,
        value: &'a str,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<TraceSummary>, ReadError>> {
        self.limit(self.reader.find_traces(key, value, page))
    }

    fn lookup<'a>(
        &'a self,
        reference: &'a Reference,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Lookup, ReadError>> {
        self.limit(self.reader.lookup(reference, page))
    }

    fn trace(
        &self,
        trace_id: TraceId,
        after: Option<SpanCursor>,
    ) -> BoxFuture<'_, Result<Option<Trace>, ReadError>> {
        self.limit(self.reader.trace(trace_id, after))
    }

    fn rollups<'a>(
        &'a self,
        filter: &'a RollupFilter,
    ) -> BoxFuture<'a, Result<RollupReport, ReadError>> {
        self.limit(self.reader.rollups(filter))
    }

    fn list_services<'a>(
        &'a self,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<ServiceList, ReadError>> {
        self.limit(self.reader.list_services(prefix))
    }
}
