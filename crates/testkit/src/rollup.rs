//! Computes rollups in the simplest way, with exact percentiles. Tests compare the store's sketches
//! with them.

use std::collections::BTreeMap;

use throughline_model::{Rollup, RollupFilter, RollupGroup, RollupReport};
use throughline_wire::{StatusCode, UnixNanos};

use crate::Sent;

/// Returns the rollups that `filter` selects from the spans, as of `now`.
pub fn rollups_of(sent: &[Sent], filter: &RollupFilter, now: UnixNanos) -> RollupReport {
    let window_ns = filter.window.length_ns();
    let floor = |instant: UnixNanos| {
        UnixNanos::new(
            instant
                .get()
                .div_euclid(window_ns)
                .saturating_mul(window_ns),
        )
    };
    let is = |wanted: &Option<String>, name: &str| wanted.as_deref().is_none_or(|w| w == name);
    let (from, to) = filter.range.bounds(now);
    let from = floor(from);
    let mut rows: BTreeMap<_, Vec<&Sent>> = BTreeMap::new();
    for sent in sent {
        let start = floor(sent.span.start);
        let service = sent.resource.service_name();
        let is_selected = from <= start
            && start < to
            && is(&filter.service, &service)
            && is(&filter.operation, &sent.span.name);
        if is_selected {
            let start = (filter.group != RollupGroup::Operation).then_some(start);
            let operation = (filter.group != RollupGroup::Window).then(|| {
                let name = sent.span.name.clone().into_owned();
                (service.clone().into_owned(), name, sent.span.kind.code())
            });
            rows.entry((start, operation)).or_default().push(sent);
        }
    }
    RollupReport {
        window: filter.window,
        from,
        to,
        is_truncated: false,
        items: rows
            .into_iter()
            .map(|((start, operation), sent)| rollup(start, operation.is_some(), &sent))
            .collect(),
    }
}

fn rollup(start: Option<UnixNanos>, has_operation: bool, sent: &[&Sent]) -> Rollup {
    let mut durations: Vec<_> = sent.iter().map(|sent| sent.span.duration_ns()).collect();
    durations.sort_unstable();
    let percentile = |share: f64| {
        let rank = (share * durations.len() as f64).ceil() as usize;
        durations.get(rank.max(1) - 1).copied().unwrap_or_default()
    };
    let first = sent.first().filter(|_| has_operation);
    Rollup {
        start,
        service: first.map(|sent| sent.resource.service_name().into_owned()),
        operation: first.map(|sent| sent.span.name.clone().into_owned()),
        kind: first.map(|sent| sent.span.kind),
        span_count: sent.len() as u64,
        error_count: sent
            .iter()
            .filter(|sent| sent.span.status.code == StatusCode::Error)
            .count() as u64,
        p50_ns: percentile(0.5),
        p95_ns: percentile(0.95),
        p99_ns: percentile(0.99),
        max_ns: percentile(1.0),
    }
}
