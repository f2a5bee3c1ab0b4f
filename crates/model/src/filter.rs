//! The filter for lists of traces and their statistics, and its form in a URL.

mod attribute;
mod duration;
mod operation;
mod query;

use serde::{Deserialize, Serialize};
use throughline_wire::SpanKind;

pub use attribute::AttributeCondition;
pub use duration::{format_duration_ns, parse_duration_ns};
pub use operation::OperationMatch;

use crate::TimeRange;

/// A filter for traces. All its conditions must hold.
///
/// The query parameters are `range`, `service`, `operation`, `kind`, `status`, `min_duration`,
/// `max_duration`, `min_spans`, `max_spans`, `user`, `session`, `correlation`, `error`, `pinned`
/// and any number of `attr.KEY` (or `attr=KEY=VALUE`). An absent condition is not written. The
/// decoder also accepts `from` and `to` (UTC, such as `2026-11-21T14:00`) in place of `range`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct TraceFilter {
    /// The time range in which the trace began.
    pub range: TimeRange,
    /// The exact name of a service that took part.
    pub service: Option<String>,
    /// A match on the name of a span of the trace.
    pub operation: Option<OperationMatch>,
    /// The kind of a span of the trace, the same span as that of `operation`.
    pub kind: Option<SpanKind>,
    /// The status of the trace.
    pub status: Option<StatusFilter>,
    /// The minimum duration of the trace, in ns.
    pub min_duration_ns: Option<i64>,
    /// The maximum duration of the trace, in ns.
    pub max_duration_ns: Option<i64>,
    /// The minimum number of spans.
    pub min_spans: Option<u64>,
    /// The maximum number of spans.
    pub max_spans: Option<u64>,
    /// The exact user id.
    pub user: Option<String>,
    /// The exact session id.
    pub session: Option<String>,
    /// The exact value of a request, correlation, job or order id, or of any other indexed
    /// attribute.
    pub correlation: Option<String>,
    /// A text that the message of a failed span contains. Case is ignored.
    pub error: Option<String>,
    /// True to select pinned traces only.
    pub is_pinned: bool,
    /// Conditions on attributes of its spans. Different spans may meet different conditions.
    pub attributes: Vec<AttributeCondition>,
}

/// The status of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusFilter {
    /// No span failed.
    Ok,
    /// At least one span failed.
    Error,
}

impl StatusFilter {
    /// Returns the word used in a URL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
        }
    }
}

impl TraceFilter {
    /// Reports whether the filter has a condition besides the time range.
    pub fn is_narrowed(&self) -> bool {
        let any_time = Self {
            range: TimeRange::default(),
            ..self.clone()
        };
        any_time != Self::default()
    }
}
