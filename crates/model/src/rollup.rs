//! Counts and percentiles of spans by operation and window of time.

use core::str::FromStr;

use serde::{Deserialize, Serialize};
use throughline_wire::{SpanKind, UnixNanos};

use crate::filter::NUL_IN_IT;
use crate::{TimeRange, TraceFilter};

/// How long a window is; windows begin at whole multiples of their length since 1970, UTC.
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
    /// All of them, shortest first.
    pub const ALL: [Self; 3] = [Self::QuarterHour, Self::Hour, Self::Day];

    /// Its length in seconds.
    pub const fn seconds(self) -> i32 {
        match self {
            Self::QuarterHour => 900,
            Self::Hour => 3_600,
            Self::Day => 86_400,
        }
    }

    /// Its length.
    pub const fn length_ns(self) -> i64 {
        self.seconds() as i64 * UnixNanos::PER_SECOND
    }

    /// The word in a URL.
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

/// What rows are told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RollupGroup {
    /// Window and operation.
    #[default]
    Each,
    /// The window alone: all operations together.
    Window,
    /// The operation alone: the whole range together.
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

/// Which rollups are wanted; in a URL `range` (or `from` and `to`), `window`, `group`, `service`
/// and `operation`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct RollupFilter {
    /// Windows that overlap this; the first may begin before it.
    pub range: TimeRange,
    /// How long the windows are.
    pub window: RollupWindow,
    /// What rows are told apart by.
    pub group: RollupGroup,
    /// The service, by its exact name.
    pub service: Option<String>,
    /// The operation, by its exact name.
    pub operation: Option<String>,
}

impl RollupFilter {
    /// The names a URL may use.
    pub const KEYS: [&'static str; 7] = [
        "range",
        "from",
        "to",
        "window",
        "group",
        "service",
        "operation",
    ];

    /// Reads the decoded pairs of a query string; empty values are no condition, and of a
    /// repeated name the last one counts.
    ///
    /// # Errors
    /// A sentence for people that names the parameter and what it takes.
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

/// What a [`RollupFilter`] selects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollupReport {
    /// How long the windows are.
    pub window: RollupWindow,
    /// Start of the first window.
    #[serde(rename = "from_ns")]
    pub from: UnixNanos,
    /// End of the range, exclusive.
    #[serde(rename = "to_ns")]
    pub to: UnixNanos,
    /// Whether the oldest windows were left out because there was more than
    /// [`RollupReport::MAX_READ`].
    pub is_truncated: bool,
    /// The rows, by window, service and operation; windows without spans are left out.
    pub items: Vec<Rollup>,
}

impl RollupReport {
    /// Stored rows that are read for one report at most.
    pub const MAX_READ: usize = 50_000;
}

/// One row: the spans that began in a window. Percentiles are within 1 % of the true ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollup {
    /// Start of the window; none where windows are not told apart.
    #[serde(rename = "start_ns")]
    pub start: Option<UnixNanos>,
    /// The service; none where operations are not told apart.
    pub service: Option<String>,
    /// Name of the operation; none where operations are not told apart.
    pub operation: Option<String>,
    /// Kind of its spans; none where operations are not told apart.
    pub kind: Option<SpanKind>,
    /// How many spans.
    pub span_count: u64,
    /// How many of them failed.
    pub error_count: u64,
    /// Half of them took at most so long.
    pub p50_ns: i64,
    /// 95 % of them took at most so long.
    pub p95_ns: i64,
    /// 99 % of them took at most so long.
    pub p99_ns: i64,
    /// The longest, exactly.
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
