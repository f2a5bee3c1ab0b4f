//! The trace directory, computed the plain way: what the store's merge is compared with.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use throughline_model::{StatusFilter, TraceFilter, TraceSummary};
use throughline_wire::{
    InstrumentationScope, Resource, Span, StatusCode, TraceId, UnixNanos, semconv,
};

/// A span with who sent it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// The process.
    pub resource: Arc<Resource>,
    /// The library.
    pub scope: Arc<InstrumentationScope>,
    /// The span.
    pub span: Span,
}

impl Sent {
    /// A span of the service called `service`, of no particular library.
    pub fn by(service: &str, span: Span) -> Self {
        Self {
            resource: Arc::new(Resource::of_service(service.to_owned())),
            scope: Arc::default(),
            span,
        }
    }
}

/// The rows of the directory, newest first, then by trace id, as a list shows them.
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
        (
            span.parent_span_id.is_some(),
            span.start,
            span.span_id.to_i64(),
        )
    });
    let first = |keys: &[&str]| {
        by_rank.iter().find_map(|sent| {
            keys.iter()
                .find_map(|key| sent.span.attributes.get_str(key))
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        })
    };
    let spans = || sent.iter().map(|sent| &sent.span);
    let start = spans().map(|span| span.start).min().unwrap_or_default();
    let end = spans().map(|span| span.end).max().unwrap_or_default();
    let services: BTreeSet<_> = sent
        .iter()
        .map(|sent| sent.resource.service_name().to_owned())
        .collect();
    let root = by_rank[0];
    TraceSummary {
        trace_id: root.span.trace_id,
        start,
        duration_ns: end.since(start),
        root_name: root.span.name.clone().into_owned(),
        root_service: root.resource.service_name().to_owned(),
        root_kind: root.span.kind,
        root_duration_ns: root.span.duration_ns(),
        has_root: spans().any(|span| span.parent_span_id.is_none()),
        services: services.into_iter().collect(),
        span_count: sent.len() as u64,
        error_count: spans()
            .filter(|span| span.status.code == StatusCode::Error)
            .count() as u64,
        error: last_error(spans()),
        open: None,
        is_pinned: false,
        user: first(&[semconv::USER_ID, semconv::ENDUSER_ID]),
        session: first(&[semconv::SESSION_ID]),
    }
}

/// The rows of the directory that `filter` selects when it is `now`, in order. Every text attribute
/// counts as indexed for a correlation.
pub fn selected(sent: &[Sent], filter: &TraceFilter, now: UnixNanos) -> Vec<TraceSummary> {
    let mut summaries = summaries_of(sent);
    summaries.retain(|summary| {
        let mut spans = sent.iter().map(|sent| &sent.span);
        is_selected(filter, summary, now)
            && filter.attributes.iter().all(|condition| {
                let values = condition.values();
                spans.clone().any(|span| {
                    span.trace_id == summary.trace_id
                        && span
                            .attributes
                            .get(&condition.key)
                            .is_some_and(|value| values.contains(value))
                })
            })
            && filter.correlation.as_ref().is_none_or(|wanted| {
                spans.any(|span| {
                    span.trace_id == summary.trace_id
                        && span
                            .attributes
                            .iter()
                            .any(|(_, value)| value.as_str() == Some(wanted))
                })
            })
            && filter.error.as_ref().is_none_or(|text| {
                let error = summary.error.as_ref().map(|said| said.to_ascii_lowercase());
                error.is_some_and(|error| error.contains(&text.to_ascii_lowercase()))
            })
    });
    summaries
}

/// What the failed span with the latest start says, of those that say something.
fn last_error<'a>(spans: impl Iterator<Item = &'a Span>) -> Option<String> {
    let said =
        |span: &&Span| span.status.code == StatusCode::Error && !span.status.message.is_empty();
    let last = spans
        .filter(said)
        .max_by_key(|span| (span.start, span.status.message.clone()))?;
    Some(last.status.message.chars().take(256).collect())
}

/// Whether the directory's row alone lets `filter` select the trace, when it is `now`.
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
            .operation
            .as_ref()
            .is_none_or(|wanted| wanted.matches(&summary.root_name))
        && filter.kind.is_none_or(|kind| summary.root_kind == kind)
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
