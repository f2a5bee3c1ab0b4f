//! A trace reader over spans in memory that follows the rules of the real one.

use std::sync::Arc;

use throughline_model::{
    BoxFuture, DroppedSpans, EventCursor, EventFilter, EventPage, EventPageRequest, EventsOf,
    Lookup, OpenFate, Page, PageRequest, Payload, ReadError, Reference, RollupFilter, RollupReport,
    SelectedTraces, ServiceList, SpanCursor, SpanDetails, SpansOfId, StoredEvent, Trace,
    TraceFilter, TraceReader, TraceSkeleton, TraceStatistics, TraceSummary, WholeEvents,
};
use throughline_wire::{SpanId, TraceId, UnixNanos};

use crate::{NOW, Sent, order_of, rollups_of, selected, statistics_of, summaries_of};

mod lookup;
mod paging;
mod whole;

use paging::page_of;

/// A [`TraceReader`] for tests of code that uses the store.
///
/// ```
/// use throughline_testkit::{FakeReader, Ids, shop_trace};
/// let reader = FakeReader::new(shop_trace(&mut Ids::seeded(1)));
/// assert_eq!(reader.summaries().len(), 1);
/// ```
#[derive(Debug, Clone)]
pub struct FakeReader {
    sent: Vec<Sent>,
    payloads: Vec<(SpanId, Payload)>,
    events: Vec<StoredEvent>,
    open: Vec<(TraceId, OpenFate)>,
    pinned: Vec<TraceId>,
    dropped: Vec<DroppedSpans>,
    now: UnixNanos,
    fails: Option<ReadError>,
}

impl FakeReader {
    /// Returns a reader of these spans. All belong to one tenant and were received at [`NOW`].
    pub fn new(sent: Vec<Sent>) -> Self {
        Self {
            sent,
            payloads: Vec::new(),
            events: Vec::new(),
            open: Vec::new(),
            pinned: Vec::new(),
            dropped: Vec::new(),
            now: NOW,
            fails: None,
        }
    }

    /// Returns a reader whose methods all fail with `error`.
    pub fn failing(error: ReadError) -> Self {
        Self {
            fails: Some(error),
            ..Self::new(Vec::new())
        }
    }

    /// Adds an offloaded payload to a span. The span itself must have the preview.
    #[must_use]
    pub fn keeping(mut self, span_id: SpanId, payload: Payload) -> Self {
        self.payloads.push((span_id, payload));
        self
    }

    /// Adds events of spans, newest first.
    #[must_use]
    pub fn with_events(mut self, events: Vec<StoredEvent>) -> Self {
        self.events = events;
        self
    }

    /// Leaves a span of this trace open, in the state `fate`.
    #[must_use]
    pub fn leaving_open(mut self, trace_id: TraceId, fate: OpenFate) -> Self {
        self.open.push((trace_id, fate));
        self
    }

    /// Adds spans that a service dropped, in any time range.
    #[must_use]
    pub fn dropping(mut self, dropped: DroppedSpans) -> Self {
        self.dropped.push(dropped);
        self
    }

    /// Pins a trace.
    #[must_use]
    pub fn pinning(mut self, trace_id: TraceId) -> Self {
        self.pinned.push(trace_id);
        self
    }

    /// Sets the current time.
    #[must_use]
    pub fn at(mut self, now: UnixNanos) -> Self {
        self.now = now;
        self
    }

    /// Returns the reader in the form that pages use.
    pub fn shared(self) -> Arc<dyn TraceReader> {
        Arc::new(self)
    }

    /// Returns the summaries of all traces, in the order of an unfiltered list.
    pub fn summaries(&self) -> Vec<TraceSummary> {
        self.marked(summaries_of(&self.sent))
    }

    fn marked(&self, mut summaries: Vec<TraceSummary>) -> Vec<TraceSummary> {
        for summary in &mut summaries {
            let open = self.open.iter().find(|(of, _)| *of == summary.trace_id);
            summary.open = open.map(|(_, fate)| *fate);
            summary.is_pinned = self.pinned.contains(&summary.trace_id);
        }
        summaries
    }

    fn selected(&self, filter: &TraceFilter) -> Vec<TraceSummary> {
        let mut summaries = self.marked(selected(&self.sent, filter, self.now));
        summaries.retain(|summary| summary.is_pinned || !filter.is_pinned);
        summaries
    }

    fn of_trace(&self, trace_id: TraceId) -> Option<(TraceSummary, Vec<&Sent>)> {
        let mut spans: Vec<_> = self
            .sent
            .iter()
            .filter(|sent| sent.span.trace_id == trace_id)
            .collect();
        spans.sort_by_key(|sent| order_of(&sent.span));
        let summary = self
            .summaries()
            .into_iter()
            .find(|summary| summary.trace_id == trace_id)?;
        Some((summary, spans))
    }

    fn answer<'a, T: Send + 'a>(
        &'a self,
        make: impl FnOnce() -> T + Send + 'a,
    ) -> BoxFuture<'a, Result<T, ReadError>> {
        Box::pin(async move { self.fails.clone().map_or_else(|| Ok(make()), Err) })
    }
}

impl TraceReader for FakeReader {
    fn list_traces<'a>(
        &'a self,
        filter: &'a TraceFilter,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<TraceSummary>, ReadError>> {
        self.answer(move || page_of(self.selected(filter), page))
    }

    fn select_traces<'a>(
        &'a self,
        filter: &'a TraceFilter,
        traces: &'a [TraceSummary],
    ) -> BoxFuture<'a, Result<SelectedTraces, ReadError>> {
        self.answer(move || {
            let is_given = |selected: &TraceSummary| {
                let mut ids = traces.iter().map(|trace| trace.trace_id);
                ids.any(|id| id == selected.trace_id)
            };
            let mut traces = self.selected(filter);
            traces.retain(is_given);
            SelectedTraces {
                traces,
                is_cut: false,
            }
        })
    }

    fn trace_statistics<'a>(
        &'a self,
        filter: &'a TraceFilter,
    ) -> BoxFuture<'a, Result<TraceStatistics, ReadError>> {
        self.answer(move || {
            let (from, to) = filter.range.bounds(self.now);
            TraceStatistics {
                dropped: self.dropped.clone(),
                ..statistics_of(&self.selected(filter), from, to)
            }
        })
    }

    fn trace_skeleton(
        &self,
        trace_id: TraceId,
    ) -> BoxFuture<'_, Result<Option<TraceSkeleton>, ReadError>> {
        self.answer(move || {
            let mut skeleton = whole::skeleton(self, trace_id)?;
            let completeness = &mut skeleton.completeness;
            completeness.dropped_meanwhile.clone_from(&self.dropped);
            Some(skeleton)
        })
    }

    fn span_details(
        &self,
        trace_id: TraceId,
        span_id: SpanId,
    ) -> BoxFuture<'_, Result<SpansOfId, ReadError>> {
        self.answer(move || {
            let mut spans: Vec<_> = self
                .sent
                .iter()
                .filter(|sent| sent.span.trace_id == trace_id && sent.span.span_id == span_id)
                .map(|sent| SpanDetails {
                    span: sent.span.clone(),
                    resource: (*sent.resource).clone(),
                    scope: (*sent.scope).clone(),
                    received: self.now,
                    payloads: self
                        .payloads
                        .iter()
                        .filter(|(of, _)| *of == span_id)
                        .map(|(_, payload)| payload.reference.clone())
                        .collect(),
                })
                .collect();
            let more = spans.len().saturating_sub(SpansOfId::MAX_SPANS) as u64;
            spans.truncate(SpansOfId::MAX_SPANS);
            SpansOfId { spans, more }
        })
    }

    fn span_payload<'a>(
        &'a self,
        _: TraceId,
        span_id: SpanId,
        hash: &'a str,
    ) -> BoxFuture<'a, Result<Option<Payload>, ReadError>> {
        self.answer(move || {
            let mut kept = self.payloads.iter();
            let found = kept.find(|(of, known)| *of == span_id && known.reference.hash == hash);
            found.map(|(_, payload)| payload.clone())
        })
    }

    /// Returns any offloaded payload with the hash.
    fn event_payload<'a>(
        &'a self,
        _: EventCursor,
        hash: &'a str,
    ) -> BoxFuture<'a, Result<Option<Payload>, ReadError>> {
        self.answer(move || {
            let mut kept = self.payloads.iter().map(|(_, payload)| payload);
            kept.find(|known| known.reference.hash == hash).cloned()
        })
    }

    /// Returns the first page of the events of a trace or a span. Other conditions are ignored.
    fn list_events<'a>(
        &'a self,
        filter: &'a EventFilter,
        page: EventPageRequest,
    ) -> BoxFuture<'a, Result<EventPage, ReadError>> {
        self.answer(move || {
            let wanted = |event: &&StoredEvent| {
                let record = &event.record;
                (record.severity_number >= filter.min_severity)
                    && (filter.service.as_ref()).is_none_or(|name| *name == event.service)
                    && (filter.trace.is_none() || record.trace_id == filter.trace)
                    && (!filter.without_trace || record.trace_id.is_none())
                    && (filter.span.is_none() || record.span_id == filter.span)
            };
            let mut items: Vec<_> = self.events.iter().filter(wanted).cloned().collect();
            let has_more = items.len() > page.limit as usize;
            items.truncate(page.limit as usize);
            EventPage {
                searched_to: None,
                after: items.last().map(|event| event.cursor).filter(|_| has_more),
                items,
                before: None,
            }
        })
    }

    /// Returns the events of a trace, or those without a trace, on one page. Range and service are
    /// ignored.
    fn whole_events<'a>(
        &'a self,
        of: &'a EventsOf,
        _: Option<EventCursor>,
    ) -> BoxFuture<'a, Result<WholeEvents, ReadError>> {
        self.answer(move || whole::events(self, of))
    }

    /// Treats every attribute as indexed.
    fn find_traces<'a>(
        &'a self,
        key: Option<&'a str>,
        value: &'a str,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<TraceSummary>, ReadError>> {
        self.answer(move || page_of(lookup::by_attribute(self, key, value), page))
    }

    /// Searches every trace.
    fn lookup<'a>(
        &'a self,
        reference: &'a Reference,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Lookup, ReadError>> {
        self.answer(move || lookup::lookup(self, reference, page))
    }

    fn trace(
        &self,
        trace_id: TraceId,
        _after: Option<SpanCursor>,
    ) -> BoxFuture<'_, Result<Option<Trace>, ReadError>> {
        self.answer(move || whole::trace(self, trace_id))
    }

    fn rollups<'a>(
        &'a self,
        filter: &'a RollupFilter,
    ) -> BoxFuture<'a, Result<RollupReport, ReadError>> {
        self.answer(move || rollups_of(&self.sent, filter, self.now))
    }

    fn list_services<'a>(
        &'a self,
        prefix: &'a str,
    ) -> BoxFuture<'a, Result<ServiceList, ReadError>> {
        self.answer(move || {
            let mut names: Vec<_> = self
                .sent
                .iter()
                .map(|sent| sent.resource.service_name().into_owned())
                .filter(|name| name.starts_with(prefix))
                .collect();
            names.sort_by_key(|name| (name.to_ascii_lowercase(), name.clone()));
            names.dedup();
            ServiceList::of(names)
        })
    }
}
