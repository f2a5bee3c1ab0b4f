//! Computes statistics over trace summaries in the simplest way. Tests compare the store's SQL with
//! them.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use throughline_model::{OperationRow, TimeBucket, TraceStatistics, TraceSummary, UserRow};
use throughline_wire::UnixNanos;

/// Returns the statistics of `traces`, with the range `from..to` cut into buckets.
pub fn statistics_of(traces: &[TraceSummary], from: UnixNanos, to: UnixNanos) -> TraceStatistics {
    let all: Vec<&TraceSummary> = traces.iter().collect();
    let bucket_ns = to
        .since(from)
        .max(1)
        .unsigned_abs()
        .div_ceil(TraceStatistics::BUCKETS as u64) as i64;
    let buckets = (0..TraceStatistics::BUCKETS as i64).map(|at| {
        let start = from.saturating_add(at * bucket_ns);
        let within: Vec<_> = all
            .iter()
            .copied()
            .filter(|trace| (0..bucket_ns).contains(&trace.start.since(start)))
            .collect();
        TimeBucket {
            start,
            trace_count: within.len() as u64,
            error_count: errors(&within),
            p50_ns: percentile(&within, 0.5),
            p95_ns: percentile(&within, 0.95),
            max_ns: percentile(&within, 1.0),
        }
    });
    TraceStatistics {
        dropped: Vec::new(),
        from,
        to,
        trace_count: all.len() as u64,
        error_count: errors(&all),
        p50_ns: percentile(&all, 0.5),
        p95_ns: percentile(&all, 0.95),
        max_ns: percentile(&all, 1.0),
        buckets: buckets.collect(),
        searched_to: None,
        by_operation: by_operation(&all),
        by_user: by_user(&all),
    }
}

fn by_operation(traces: &[&TraceSummary]) -> Vec<OperationRow> {
    let mut groups: BTreeMap<_, Vec<&TraceSummary>> = BTreeMap::new();
    for trace in traces {
        let key = (trace.root_service.clone(), trace.root_name.clone());
        groups.entry(key).or_default().push(trace);
    }
    let mut rows: Vec<_> = groups
        .into_iter()
        .map(|((service, operation), traces)| OperationRow {
            service,
            operation,
            trace_count: traces.len() as u64,
            error_count: errors(&traces),
            p50_ns: percentile(&traces, 0.5).unwrap_or_default(),
            p95_ns: percentile(&traces, 0.95).unwrap_or_default(),
            max_ns: percentile(&traces, 1.0).unwrap_or_default(),
        })
        .collect();
    // The sort is stable: rows of the same count stay ordered by name.
    rows.sort_by_key(|row| Reverse(row.trace_count));
    rows.truncate(TraceStatistics::MAX_ROWS);
    rows
}

fn by_user(traces: &[&TraceSummary]) -> Vec<UserRow> {
    let mut groups: BTreeMap<_, Vec<&TraceSummary>> = BTreeMap::new();
    for trace in traces {
        if let Some(user) = &trace.user {
            groups.entry(user.clone()).or_default().push(trace);
        }
    }
    let mut rows: Vec<_> = groups
        .into_iter()
        .map(|(user, traces)| UserRow {
            user,
            trace_count: traces.len() as u64,
            error_count: errors(&traces),
            p95_ns: percentile(&traces, 0.95).unwrap_or_default(),
            last_seen: traces
                .iter()
                .map(|trace| trace.start)
                .max()
                .unwrap_or_default(),
        })
        .collect();
    rows.sort_by_key(|row| Reverse(row.trace_count));
    rows.truncate(TraceStatistics::MAX_ROWS);
    rows
}

fn errors(traces: &[&TraceSummary]) -> u64 {
    traces.iter().filter(|trace| trace.error_count > 0).count() as u64
}

/// Returns the percentile by nearest rank: the least duration that at least this share of the
/// traces do not exceed.
fn percentile(traces: &[&TraceSummary], share: f64) -> Option<i64> {
    let mut durations: Vec<_> = traces.iter().map(|trace| trace.duration_ns).collect();
    durations.sort_unstable();
    let rank = (share * durations.len() as f64).ceil() as usize;
    durations.get(rank.max(1) - 1).copied()
}
