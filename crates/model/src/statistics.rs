//! The statistics of the traces that a filter selects.

use serde::{Deserialize, Serialize};
use throughline_wire::UnixNanos;

use crate::DroppedSpans;

/// Statistics of the traces that a filter selects. They cover all of these traces, or the newest
/// ones if there are too many to examine within one request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TraceStatistics {
    /// The start of the range that the buckets cover.
    #[serde(rename = "from_ns")]
    pub from: UnixNanos,
    /// The end of that range, exclusive.
    #[serde(rename = "to_ns")]
    pub to: UnixNanos,
    /// The number of traces.
    pub trace_count: u64,
    /// The number of traces with an error.
    pub error_count: u64,
    /// The median duration in ns; `None` without traces.
    pub p50_ns: Option<i64>,
    /// The 95th percentile of the durations in ns; `None` without traces.
    pub p95_ns: Option<i64>,
    /// The maximum duration in ns; `None` without traces.
    pub max_ns: Option<i64>,
    /// Buckets of equal length, in order, empty ones included.
    pub buckets: Vec<TimeBucket>,
    /// The instant at which the search stopped, if it stopped before the end of the range. It stops
    /// if no index serves the filter or if there are too many traces. The figures then cover the
    /// traces that began at this instant or later.
    #[serde(
        rename = "searched_to_ns",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub searched_to: Option<UnixNanos>,
    /// The spans that senders report as dropped in this range, most first, at most
    /// [`DroppedSpans::MAX_ROWS`] rows. Nobody knows their traces: only the range and the service of
    /// the filter apply to them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<DroppedSpans>,
    /// Rows by root operation, most traces first, at most [`TraceStatistics::MAX_ROWS`].
    pub by_operation: Vec<OperationRow>,
    /// Rows by user, most traces first, at most [`TraceStatistics::MAX_ROWS`]. Traces without a
    /// user are left out.
    pub by_user: Vec<UserRow>,
}

impl TraceStatistics {
    /// The maximum number of rows of each table.
    pub const MAX_ROWS: usize = 20;
    /// The number of buckets of the range.
    pub const BUCKETS: usize = 60;
}

/// A bucket of the time range.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimeBucket {
    /// The first instant of the bucket.
    #[serde(rename = "start_ns")]
    pub start: UnixNanos,
    /// The number of traces that began in it.
    pub trace_count: u64,
    /// The number of them with an error.
    pub error_count: u64,
    /// The median duration in ns; `None` without traces.
    pub p50_ns: Option<i64>,
    /// The 95th percentile of the durations in ns; `None` without traces.
    pub p95_ns: Option<i64>,
    /// The maximum duration in ns; `None` without traces.
    pub max_ns: Option<i64>,
}

/// The traces of one root operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationRow {
    /// The service of the root span.
    pub service: String,
    /// The name of the root span.
    pub operation: String,
    /// The number of traces.
    pub trace_count: u64,
    /// The number of them with an error.
    pub error_count: u64,
    /// The median duration, in ns.
    pub p50_ns: i64,
    /// The 95th percentile of the durations, in ns.
    pub p95_ns: i64,
    /// The maximum duration, in ns.
    pub max_ns: i64,
}

/// The traces of one user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRow {
    /// The user.
    pub user: String,
    /// The number of traces.
    pub trace_count: u64,
    /// The number of them with an error.
    pub error_count: u64,
    /// The 95th percentile of their durations, in ns.
    pub p95_ns: i64,
    /// The start of the newest of them.
    #[serde(rename = "last_seen_ns")]
    pub last_seen: UnixNanos,
}
