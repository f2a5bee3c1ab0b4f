//! Counts and percentiles of spans by operation and window of time.

use core::str::FromStr;

use serde::{Deserialize, Serialize};
use throughline_wire::{SpanKind, UnixNanos};

use crate::filter::NUL_IN_IT;
use crate::{TimeRange, TraceFilter};

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
            .ok_or_else(|| format!("window {text:?} is none of 15m, 1h and 24h"))
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
                "group {text:?} is none of each, window and operation"
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
    /// The names of the query parameters.
    pub const KEYS: [&'static str; 7] = [
        "range",
        "from",
        "to",
        "window",
        "group",
        "service",
        "operation",
    ];

    /// Reads the decoded pairs of a query string. An empty value is no condition, and the last
    /// value of a repeated name counts.
    ///
    /// # Errors
    /// Returns a sentence for the user that names the parameter and its accepted values.
    pub fn from_query<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, String> {
        let mut filter = Self::default();
        let mut range = Vec::new();
        for (key, value) in pairs {
            let value = value.trim();
            if value.is_empty() {
                continue;
            }
            if value.contains('\0') {
                return Err(format!("{key}: {NUL_IN_IT}"));
            }
            match key {
                "range" | "from" | "to" => range.push((key, value)),
                "window" => filter.window = value.parse()?,
                "group" => filter.group = value.parse()?,
                "service" => filter.service = Some(value.to_owned()),
                "operation" => filter.operation = Some(value.to_owned()),
                _ => {}
            }
        }
        filter.range = TraceFilter::from_query(range, &[])
            .map_err(|faults| faults.to_string())?
            .range;
        Ok(filter)
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

    #[test]
    fn a_filter_is_read_from_its_query() {
        let pairs = [
            ("range", "7d"),
            ("window", "24h"),
            ("group", "operation"),
            ("service", "shop"),
            ("operation", ""),
        ];
        let filter = RollupFilter::from_query(pairs).expect("valid");
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
            (("range", "soon"), "range"),
        ] {
            let error = RollupFilter::from_query([pair]).expect_err("is wrong");
            assert!(error.contains(word), "{error}");
        }
    }
}
