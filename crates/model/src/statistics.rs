//! What the traces that a filter selects have in common.

use serde::{Deserialize, Serialize};
use throughline_wire::UnixNanos;

/// Figures over the traces that a filter selects: over all of them, or over the newest when they are too
/// many to be looked at while somebody waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TraceStatistics {
    /// Start of the range the buckets cover.
    #[serde(rename = "from_ns")]
    pub from: UnixNanos,
    /// End of it, exclusive.
    #[serde(rename = "to_ns")]
    pub to: UnixNanos,
    /// How many traces.
    pub trace_count: u64,
    /// How many of them have an error.
    pub error_count: u64,
    /// Half of them took at most so long; none without traces.
    pub p50_ns: Option<i64>,
    /// 95 % of them took at most so long.
    pub p95_ns: Option<i64>,
    /// The longest.
    pub max_ns: Option<i64>,
    /// Equal stretches of the range, in order, empty ones included.
    pub buckets: Vec<TimeBucket>,
    /// Where looking stopped, when it did before the end of the range, because no index serves the
    /// filter or too many traces would have to be looked at: the figures are of those that began then
    /// or later.
    #[serde(
        rename = "searched_to_ns",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub searched_to: Option<UnixNanos>,
    /// By root operation, most traces first, at most [`TraceStatistics::MAX_ROWS`].
    pub by_operation: Vec<OperationRow>,
    /// By user, most traces first, at most [`TraceStatistics::MAX_ROWS`]; traces without one are
    /// left out.
    pub by_user: Vec<UserRow>,
}

impl TraceStatistics {
    /// Rows of each table at most.
    pub const MAX_ROWS: usize = 20;
    /// Stretches the range is cut into.
    pub const BUCKETS: usize = 60;
}

/// One stretch of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimeBucket {
    /// Its first instant.
    #[serde(rename = "start_ns")]
    pub start: UnixNanos,
    /// Traces that began in it.
    pub trace_count: u64,
    /// How many of them have an error.
    pub error_count: u64,
    /// Median duration; none without traces.
    pub p50_ns: Option<i64>,
    /// 95th percentile.
    pub p95_ns: Option<i64>,
    /// The longest.
    pub max_ns: Option<i64>,
}

/// The traces of one root operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationRow {
    /// Service of the root.
    pub service: String,
    /// Name of the root.
    pub operation: String,
    /// How many traces.
    pub trace_count: u64,
    /// How many of them have an error.
    pub error_count: u64,
    /// Median duration.
    pub p50_ns: i64,
    /// 95th percentile.
    pub p95_ns: i64,
    /// The longest.
    pub max_ns: i64,
}

/// The traces of one user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRow {
    /// The user.
    pub user: String,
    /// How many traces.
    pub trace_count: u64,
    /// How many of them have an error.
    pub error_count: u64,
    /// 95th percentile of their durations.
    pub p95_ns: i64,
    /// When the newest of them began.
    #[serde(rename = "last_seen_ns")]
    pub last_seen: UnixNanos,
}
