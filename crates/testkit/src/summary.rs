//! Computes trace summaries in the simplest way. Tests compare the store's merge with them.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use throughline_model::{
    OperationMatch, SpanOrder, StatusFilter, TraceFilter, TraceSummary, fold_case, span_order,
};
use throughline_wire::{
    AttributeValue, InstrumentationScope, Resource, Span, SpanEvent, StatusCode, TraceId,
    UnixNanos, semconv,
};

/// A span with its sender.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// The resource that sent it.
    pub resource: Arc<Resource>,
    /// The instrumentation scope that made it.
    pub scope: Arc<InstrumentationScope>,
    /// The span.
    pub span: Span,
}

impl Sent {
    /// Returns a span of the service called `service`, with an empty scope.
    pub fn by(service: &str, span: Span) -> Self {
        Self {
            resource: Arc::new(Resource::of_service(service.to_owned())),
            scope: Arc::default(),
            span,
        }
    }
}

/// Returns the sort key of a span.
pub fn order_of(span: &Span) -> SpanOrder {
    span_order(span.start, span.duration_ns(), span.span_id.to_i64())
}

/// Returns the summaries as an unfiltered list shows them: newest first, then by trace id.
pub fn summaries_of(sent: &[Sent]) -> Vec<TraceSummary> {
    let mut traces: BTreeMap<TraceId, Vec<&Sent>> = BTreeMap::new();
    for sent in sent {
        traces.entry(sent.span.trace_id).or_default().push(sent);
    }
    let mut summaries: Vec<_> = traces.into_values().map(|spans| summary(&spans)).collect();
    summaries.sort_by_key(|summary| Reverse((summary.start, summary.trace_id)));
    summaries
}

fn summary(sent: &[&Sent]) -> TraceSummary {
    let mut by_rank = sent.to_vec();
    by_rank.sort_by_key(|sent| {
        let span = &sent.span;
        (span.parent_span_id.is_some(), order_of(span))
    });
    let first = |keys: &[&str]| {
        by_rank.iter().find_map(|sent| {
            keys.iter()
                .find_map(|key| sent.span.attributes.get_text(key))
                .filter(|text| !text.is_empty())
                .map(Cow::into_owned)
        })
    };
    let spans = || sent.iter().map(|sent| &sent.span);
    let start = spans().map(|span| span.start).min().unwrap_or_default();
    let end = spans().map(|span| span.end).max().unwrap_or_default();
    let services: BTreeSet<_> = sent
        .iter()
        .map(|sent| sent.resource.service_name().into_owned())
        .collect();
    let root = by_rank[0];
    TraceSummary {
        trace_id: root.span.trace_id,
        start,
        duration_ns: end.since(start),
        root_name: root.span.name.clone().into_owned(),
        root_service: root.resource.service_name().into_owned(),
        root_kind: root.span.kind,
        root_duration_ns: root.span.duration_ns(),
        has_root: spans().any(|span| span.parent_span_id.is_none()),
        has_more_services: services.len() > TraceSummary::MAX_SERVICES,
        services: services
            .into_iter()
            .take(TraceSummary::MAX_SERVICES)
            .collect(),
        span_count: sent.len() as u64,
        error_count: spans()
            .filter(|span| span.status.code == StatusCode::Error)
            .count() as u64,
        error: last_error(spans()),
        open: None,
        is_pinned: false,
        user: first(&[semconv::USER_ID, semconv::ENDUSER_ID]),
        session: first(&[semconv::SESSION_ID]),
        matched_span: None,
    }
}

/// Returns the summaries that `filter` selects as of `now`, in order. A condition on an attribute
/// matches attributes of a span, its events, its resource or its scope.
pub fn selected(sent: &[Sent], filter: &TraceFilter, now: UnixNanos) -> Vec<TraceSummary> {
    let mut by_trace: BTreeMap<TraceId, Vec<&Sent>> = BTreeMap::new();
    for sent in sent {
        by_trace.entry(sent.span.trace_id).or_default().push(sent);
    }
    let mut summaries = summaries_of(sent);
    summaries.retain(|summary| {
        let spans = || by_trace.get(&summary.trace_id).into_iter().flatten();
        is_selected(filter, summary, now)
            && ((filter.operation.is_none() && filter.kind.is_none())
                || spans().any(|sent| is_named(filter, &sent.span)))
            && filter.attributes.iter().all(|condition| {
                spans().any(|sent| has_attribute(sent, &condition.key, &condition.value))
            })
            && filter.correlation.as_ref().is_none_or(|wanted| {
                let mut keys = semconv::INDEXED.iter();
                keys.any(|key| spans().any(|sent| has_attribute(sent, key, wanted)))
            })
            && filter
                .error
                .as_ref()
                .is_none_or(|text| spans().any(|sent| is_failed_with(&sent.span, &fold_case(text))))
    });
    summaries
}

fn is_named(filter: &TraceFilter, span: &Span) -> bool {
    let is_meant = |wanted: &OperationMatch| wanted.matches(&span.name);
    filter.operation.as_ref().is_none_or(is_meant)
        && filter.kind.is_none_or(|kind| span.kind == kind)
}

fn is_failed_with(span: &Span, folded: &str) -> bool {
    let mut texts = error_texts(span).into_iter();
    texts.any(|text| fold_case(&text).contains(folded))
}

/// Reports whether a span, one of its events, its resource or its scope has an attribute with this
/// text, or an array with an element of this text.
pub fn has_attribute(sent: &Sent, key: &str, text: &str) -> bool {
    let events = sent.span.events.iter().map(|event| &event.attributes);
    let all = [
        &sent.span.attributes,
        &sent.resource.attributes,
        &sent.scope.attributes,
    ];
    let mut all = all.into_iter().chain(events);
    all.any(|attributes| {
        attributes
            .get(key)
            .is_some_and(|value| is_written(value, text))
    })
}

fn is_written(value: &AttributeValue, text: &str) -> bool {
    match value {
        AttributeValue::Str(known) => known == text,
        AttributeValue::Bool(truth) => truth.to_string() == text,
        AttributeValue::Int(number) => number.to_string() == text,
        AttributeValue::Double(number) => number.to_string() == text,
        AttributeValue::Array(values) => values
            .iter()
            .any(|value| !matches!(value, AttributeValue::Array(_)) && is_written(value, text)),
        _ => false,
    }
}

/// Returns the texts of a failed span: its status message, or else the messages and types of the
/// exceptions in its events, and its `error.type`.
pub fn error_texts(span: &Span) -> Vec<String> {
    if span.status.code != StatusCode::Error {
        return Vec::new();
    }
    if !span.status.message.is_empty() {
        return vec![span.status.message.clone().into_owned()];
    }
    let of_events = span.events.iter().flat_map(|event| {
        [semconv::EXCEPTION_MESSAGE, semconv::EXCEPTION_TYPE]
            .into_iter()
            .filter_map(|key| event.attributes.get_str(key))
    });
    let own = span.attributes.get_str(semconv::ERROR_TYPE);
    of_events.chain(own).map(str::to_owned).collect()
}

/// Returns the text of a failed span that lists show: its status message, else the message or the
/// type of its last exception, else its `error.type`.
fn error_text(span: &Span) -> Option<String> {
    if span.status.code != StatusCode::Error {
        return None;
    }
    let is_exception = |event: &&SpanEvent| event.name == semconv::EVENT_EXCEPTION;
    let exceptions = span.events.iter().filter(is_exception).rev();
    let of_events = exceptions.flat_map(|event| {
        [semconv::EXCEPTION_MESSAGE, semconv::EXCEPTION_TYPE]
            .into_iter()
            .filter_map(|key| event.attributes.get_str(key))
    });
    let own = span.attributes.get_str(semconv::ERROR_TYPE);
    let mut texts = core::iter::once(&*span.status.message)
        .chain(of_events)
        .chain(own);
    texts.find(|text| !text.is_empty()).map(str::to_owned)
}

/// Returns the text of the failed span with the latest start that has one.
fn last_error<'a>(spans: impl Iterator<Item = &'a Span>) -> Option<String> {
    let texts = spans.filter_map(|span| Some((span.start, error_text(span)?)));
    let (_, text) = texts.max()?;
    Some(text.chars().take(256).collect())
}

/// Reports whether the conditions on summaries select the trace, as of `now`.
fn is_selected(filter: &TraceFilter, summary: &TraceSummary, now: UnixNanos) -> bool {
    let (from, to) = filter.range.bounds(now);
    let is = |wanted: &Option<String>, value: &Option<String>| wanted.is_none() || wanted == value;
    from <= summary.start
        && summary.start < to
        && filter
            .service
            .as_ref()
            .is_none_or(|service| summary.services.contains(service))
        && filter
            .max_duration_ns
            .is_none_or(|most| summary.duration_ns <= most)
        && filter
            .min_spans
            .is_none_or(|least| summary.span_count >= least)
        && filter
            .max_spans
            .is_none_or(|most| summary.span_count <= most)
        && filter
            .status
            .is_none_or(|status| (status == StatusFilter::Error) == (summary.error_count > 0))
        && filter
            .min_duration_ns
            .is_none_or(|least| summary.duration_ns >= least)
        && is(&filter.user, &summary.user)
        && is(&filter.session, &summary.session)
}
