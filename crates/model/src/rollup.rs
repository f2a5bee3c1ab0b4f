//! Counts and percentiles of spans by operation and window of time.

use core::str::FromStr;

use serde::{Deserialize, Serialize};
use throughline_wire::{SpanKind, UnixNanos};

use crate::TimeRange;
use crate::query::{Parameters, quoted};

/// The length of a window. Windows begin at whole multiples of their length since 1970, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum RollupWindow {
    /// 15 minutes.
    #[serde(rename = "15m")]
    QuarterHour,
    /// 1 hour.
    #[default]
    #[serde(rename = "1h")]
    Hour,
    /// 24 hours.
    #[serde(rename = "24h")]
    Day,
}

impl RollupWindow {
    /// All lengths, shortest first.
    pub const ALL: [Self; 3] = [Self::QuarterHour, Self::Hour, Self::Day];

    /// Returns the length in seconds.
    pub const fn seconds(self) -> i32 {
        match self {
            Self::QuarterHour => 900,
            Self::Hour => 3_600,
            Self::Day => 86_400,
        }
    }

    /// Returns the length in ns.
    pub const fn length_ns(self) -> i64 {
        self.seconds() as i64 * UnixNanos::PER_SECOND
    }

    /// Returns the word used in a URL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::QuarterHour => "15m",
            Self::Hour => "1h",
            Self::Day => "24h",
        }
    }
}

impl FromStr for RollupWindow {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|window| window.as_str() == text)
            .ok_or_else(|| format!("{} is none of 15m, 1h and 24h", quoted(text)))
    }
}

/// The grouping of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RollupGroup {
    /// One row for each window and operation.
    #[default]
    Each,
    /// One row for each window, over all operations.
    Window,
    /// One row for each operation, over the whole range.
    Operation,
}

impl FromStr for RollupGroup {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "each" => Ok(Self::Each),
            "window" => Ok(Self::Window),
            "operation" => Ok(Self::Operation),
            _ => Err(format!(
                "{} is none of each, window and operation",
                quoted(text)
            )),
        }
    }
}

/// A filter for rollups. Its query parameters are `range` (or `from` and `to`), `window`, `group`,
/// `service` and `operation`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct RollupFilter {
    /// The time range. It selects every window that overlaps it; the first may begin before it.
    pub range: TimeRange,
    /// The length of the windows.
    pub window: RollupWindow,
    /// The grouping of rows.
    pub group: RollupGroup,
    /// The exact name of the service.
    pub service: Option<String>,
    /// The exact name of the operation.
    pub operation: Option<String>,
}

impl RollupFilter {
    /// Reads the conditions, like [`TraceFilter::decode`](crate::TraceFilter::decode). `operation` is
    /// the exact name.
    pub fn decode(parameters: &mut Parameters<'_>) -> Self {
        let text = |value: Option<&str>| value.map(str::to_owned);
        Self {
            range: TimeRange::decode(parameters).unwrap_or_default(),
            window: parameters.parsed("window", str::parse).unwrap_or_default(),
            group: parameters.parsed("group", str::parse).unwrap_or_default(),
            service: text(parameters.exact("service")),
            operation: text(parameters.exact("operation")),
        }
    }
}

/// The rollups that a [`RollupFilter`] selects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollupReport {
    /// The length of the windows.
    pub window: RollupWindow,
    /// The start of the first window.
    #[serde(rename = "from_ns")]
    pub from: UnixNanos,
    /// The end of the range, exclusive.
    #[serde(rename = "to_ns")]
    pub to: UnixNanos,
    /// True if the oldest windows were left out because more than [`RollupReport::MAX_READ`] rows
    /// were stored.
    pub is_truncated: bool,
    /// The rows, by window, service and operation. Windows without spans are left out.
    pub items: Vec<Rollup>,
}

impl RollupReport {
    /// The maximum number of stored rows that one report reads.
    pub const MAX_READ: usize = 50_000;
}

/// One row: the spans that began in a window. Percentiles have a relative error of at most 1 %.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollup {
    /// The start of the window; `None` if rows are not grouped by window.
    #[serde(rename = "start_ns")]
    pub start: Option<UnixNanos>,
    /// The service; `None` if rows are not grouped by operation.
    pub service: Option<String>,
    /// The name of the operation; `None` if rows are not grouped by operation.
    pub operation: Option<String>,
    /// The kind of its spans; `None` if rows are not grouped by operation.
    pub kind: Option<SpanKind>,
    /// The number of spans.
    pub span_count: u64,
    /// The number of failed spans.
    pub error_count: u64,
    /// The median duration, in ns.
    pub p50_ns: i64,
    /// The 95th percentile of the durations, in ns.
    pub p95_ns: i64,
    /// The 99th percentile of the durations, in ns.
    pub p99_ns: i64,
    /// The maximum duration, in ns. It is exact.
    pub max_ns: i64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Query;

    #[test]
    fn a_filter_is_read_from_its_query() {
        let pairs = [
            ("range", "7d"),
            ("window", "24h"),
            ("group", "operation"),
            ("service", "shop"),
            ("operation", ""),
        ];
        let query: Query = pairs.into_iter().collect();
        let filter = query.decode(RollupFilter::decode).strict().expect("valid");
        assert_eq!(filter.range, TimeRange::Last(7 * UnixNanos::PER_DAY));
        assert_eq!(filter.window, RollupWindow::Day);
        assert_eq!(filter.group, RollupGroup::Operation);
        assert_eq!(filter.service.as_deref(), Some("shop"));
        assert_eq!(filter.operation, None);
    }

    #[test]
    fn what_a_parameter_takes_is_said_where_it_is_wrong() {
        for (pair, word) in [
            (("window", "2h"), "15m"),
            (("group", "service"), "operation"),
            (("range", "soon"), "6h"),
        ] {
            let query: Query = [pair].into_iter().collect();
            let faults = query.decode(RollupFilter::decode).faults.to_string();
            assert!(
                faults.starts_with(pair.0) && faults.contains(word),
                "{faults}"
            );
        }
    }
}
