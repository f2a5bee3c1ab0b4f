//! A reader over spans in memory, with the rules of the real one.

use std::sync::Arc;

use throughline_model::{
    BoxFuture, Cursor, Direction, EventFilter, EventPage, EventPageRequest, Page, PageRequest,
    Payload, ReadError, RollupFilter, RollupReport, SkeletonSpan, SpanDetails, StoredSpan, Total,
    Trace, TraceFilter, TraceReader, TraceSkeleton, TraceStatistics, TraceSummary,
};
use throughline_wire::{SpanId, TraceId, UnixNanos};

use crate::{NOW, Sent, rollups_of, selected, statistics_of, summaries_of};

/// A [`TraceReader`] for tests of whatever stands in front of the store.
///
/// ```
/// use throughline_testkit::{FakeReader, Ids, shop_trace};
/// let reader = FakeReader::new(shop_trace(&mut Ids::seeded(1)));
/// assert_eq!(reader.summaries().len(), 1);
/// ```
#[derive(Debug, Clone)]
pub struct FakeReader {
    sent: Vec<Sent>,
    now: UnixNanos,
    fails: Option<ReadError>,
}

impl FakeReader {
    /// A reader of these spans when it is [`NOW`], all of one tenant, all received now.
    pub fn new(sent: Vec<Sent>) -> Self {
        Self {
            sent,
            now: NOW,
            fails: None,
        }
    }

    /// A reader that answers everything with `error`.
    pub fn failing(error: ReadError) -> Self {
        Self {
            fails: Some(error),
            ..Self::new(Vec::new())
        }
    }

    /// The same, when it is `now`.
    #[must_use]
    pub fn at(mut self, now: UnixNanos) -> Self {
        self.now = now;
        self
    }

    /// As pages take it.
    pub fn shared(self) -> Arc<dyn TraceReader> {
        Arc::new(self)
    }

    /// All traces, as a list without a filter shows them.
    pub fn summaries(&self) -> Vec<TraceSummary> {
        summaries_of(&self.sent)
    }

    fn selected(&self, filter: &TraceFilter) -> Vec<TraceSummary> {
        selected(&self.sent, filter, self.now)
    }

    fn of_trace(&self, trace_id: TraceId) -> Option<(TraceSummary, Vec<&Sent>)> {
        let mut spans: Vec<_> = self
            .sent
            .iter()
            .filter(|sent| sent.span.trace_id == trace_id)
            .collect();
        spans.sort_by_key(|sent| (sent.span.start, sent.span.span_id));
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

/// The place of `item` in `list`, added when it is new.
fn place<T: PartialEq>(list: &mut Vec<T>, item: T) -> u32 {
    let at = list.iter().position(|known| *known == item);
    at.unwrap_or_else(|| {
        list.push(item);
        list.len() - 1
    }) as u32
}

fn cursor(summary: &TraceSummary) -> Cursor {
    Cursor {
        start: summary.start,
        trace_id: summary.trace_id,
    }
}

fn page_of(traces: Vec<TraceSummary>, page: PageRequest) -> Page<TraceSummary> {
    let total = Total::Exact(traces.len() as u64);
    let limit = page.limit.clamp(1, PageRequest::MAX_LIMIT) as usize;
    let (from, to) = match page.from {
        None => (0, limit.min(traces.len())),
        Some((Direction::After, at)) => {
            let from = traces.partition_point(|trace| cursor(trace) >= at);
            (from, (from + limit).min(traces.len()))
        }
        Some((Direction::Before, at)) => {
            let to = traces.partition_point(|trace| cursor(trace) > at);
            (to.saturating_sub(limit), to)
        }
    };
    let items = traces[from..to].to_vec();
    let asked = page.from.map(|(_, at)| at);
    Page {
        before: (from > 0)
            .then(|| items.first().map(cursor).or(asked))
            .flatten(),
        after: (to < traces.len())
            .then(|| items.last().map(cursor).or(asked))
            .flatten(),
        items,
        total,
        searched_to: None,
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

    fn trace_statistics<'a>(
        &'a self,
        filter: &'a TraceFilter,
    ) -> BoxFuture<'a, Result<TraceStatistics, ReadError>> {
        self.answer(move || {
            let (from, to) = filter.range.bounds(self.now);
            statistics_of(&self.selected(filter), from, to)
        })
    }

    fn trace_skeleton(
        &self,
        trace_id: TraceId,
    ) -> BoxFuture<'_, Result<Option<TraceSkeleton>, ReadError>> {
        self.answer(move || {
            let (summary, sent) = self.of_trace(trace_id)?;
            let mut services = Vec::new();
            let spans = sent
                .iter()
                .map(|Sent { resource, span, .. }| {
                    let mut events: Vec<_> = span
                        .events
                        .iter()
                        .map(|event| (event.time, event.name.clone().into_owned()))
                        .collect();
                    events.sort_by_key(|(time, _)| *time);
                    SkeletonSpan {
                        span_id: span.span_id,
                        parent_span_id: span.parent_span_id,
                        name: span.name.clone().into_owned(),
                        kind: span.kind,
                        service: place(&mut services, resource.service_name().to_owned()),
                        start: span.start,
                        duration_ns: span.duration_ns(),
                        status: span.status.code,
                        events,
                    }
                })
                .collect();
            Some(TraceSkeleton {
                summary,
                services,
                spans,
            })
        })
    }

    fn span_details(
        &self,
        trace_id: TraceId,
        span_id: SpanId,
    ) -> BoxFuture<'_, Result<Vec<SpanDetails>, ReadError>> {
        self.answer(move || {
            self.sent
                .iter()
                .filter(|sent| sent.span.trace_id == trace_id && sent.span.span_id == span_id)
                .map(|sent| SpanDetails {
                    span: sent.span.clone(),
                    resource: (*sent.resource).clone(),
                    scope: (*sent.scope).clone(),
                    received: self.now,
                    payloads: Vec::new(),
                })
                .collect()
        })
    }

    /// Nothing is kept apart here.
    fn span_payload<'a>(
        &'a self,
        _: TraceId,
        _: SpanId,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Option<Payload>, ReadError>> {
        self.answer(|| None)
    }

    /// There are no events here.
    fn list_events<'a>(
        &'a self,
        _: &'a EventFilter,
        _: EventPageRequest,
    ) -> BoxFuture<'a, Result<EventPage, ReadError>> {
        self.answer(EventPage::default)
    }

    /// Any attribute leads to its trace.
    fn find_traces<'a>(
        &'a self,
        key: Option<&'a str>,
        value: &'a str,
        page: PageRequest,
    ) -> BoxFuture<'a, Result<Page<TraceSummary>, ReadError>> {
        self.answer(move || {
            let leads = |sent: &&Sent| {
                let mut attributes = sent.span.attributes.iter();
                attributes.any(|(name, known)| {
                    key.is_none_or(|key| key == name) && known.as_str() == Some(value)
                })
            };
            let found: Vec<_> = self.sent.iter().filter(leads).collect();
            let mut traces = self.summaries();
            traces.retain(|trace| {
                found
                    .iter()
                    .any(|sent| sent.span.trace_id == trace.trace_id)
            });
            page_of(traces, page)
        })
    }

    fn trace(&self, trace_id: TraceId) -> BoxFuture<'_, Result<Option<Trace>, ReadError>> {
        self.answer(move || {
            let (summary, sent) = self.of_trace(trace_id)?;
            let (mut resources, mut scopes) = (Vec::new(), Vec::new());
            let spans = sent
                .iter()
                .map(|sent| StoredSpan {
                    span: sent.span.clone(),
                    resource: place(&mut resources, (*sent.resource).clone()),
                    scope: place(&mut scopes, (*sent.scope).clone()),
                    received: self.now,
                })
                .collect();
            Some(Trace {
                summary,
                resources,
                scopes,
                spans,
            })
        })
    }

    fn rollups<'a>(
        &'a self,
        filter: &'a RollupFilter,
    ) -> BoxFuture<'a, Result<RollupReport, ReadError>> {
        self.answer(move || rollups_of(&self.sent, filter, self.now))
    }

    fn list_services(&self) -> BoxFuture<'_, Result<Vec<String>, ReadError>> {
        self.answer(|| {
            let mut names: Vec<_> = self
                .sent
                .iter()
                .map(|sent| sent.resource.service_name().to_owned())
                .collect();
            names.sort_by_key(|name| (name.to_ascii_lowercase(), name.clone()));
            names.dedup();
            names
        })
    }
}
