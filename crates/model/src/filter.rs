//! Which traces a list and its statistics are about, and how a URL says so.

mod attribute;
mod duration;
mod operation;
mod query;

use serde::{Deserialize, Serialize};
use throughline_wire::SpanKind;

pub use attribute::AttributeCondition;
pub use duration::{format_duration_ns, parse_duration_ns};
pub use operation::OperationMatch;
pub use query::Faults;
pub(crate) use query::NUL_IN_IT;

use crate::TimeRange;

/// Which traces are wanted; every condition must hold.
///
/// In a URL: `range`, `service`, `operation`, `kind`, `status`, `min_duration`, `max_duration`,
/// `min_spans`, `max_spans`, `user`, `session`, `correlation`, `error`, `pinned` and any
/// number of `attr.KEY` (or `attr=KEY=VALUE`); a condition that is absent is not written. Reading takes
/// `from` and `to` (UTC, such as `2026-11-21T14:00`) in place of `range` as well.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct TraceFilter {
    /// When the trace began.
    pub range: TimeRange,
    /// A service that took part, by its exact name.
    pub service: Option<String>,
    /// The name of the root operation.
    pub operation: Option<OperationMatch>,
    /// The kind of the root.
    pub kind: Option<SpanKind>,
    /// How the trace ended.
    pub status: Option<StatusFilter>,
    /// The trace took at least so many ns.
    pub min_duration_ns: Option<i64>,
    /// The trace took at most so many ns.
    pub max_duration_ns: Option<i64>,
    /// The trace has at least so many spans.
    pub min_spans: Option<u64>,
    /// The trace has at most so many spans.
    pub max_spans: Option<u64>,
    /// The user, exactly.
    pub user: Option<String>,
    /// The session, exactly.
    pub session: Option<String>,
    /// A request, correlation, job or order id, or any other indexed attribute, exactly.
    pub correlation: Option<String>,
    /// Text within the message of the first error, upper and lower case alike.
    pub error: Option<String>,
    /// Only those that somebody pinned.
    pub is_pinned: bool,
    /// Attributes of its spans; each condition may hold on another span.
    pub attributes: Vec<AttributeCondition>,
}

/// How a trace ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusFilter {
    /// No span of it failed.
    Ok,
    /// At least one span of it failed.
    Error,
}

impl StatusFilter {
    /// The word in a URL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
        }
    }
}

impl TraceFilter {
    /// Whether anything but the time range is asked for.
    pub fn is_narrowed(&self) -> bool {
        let any_time = Self {
            range: TimeRange::default(),
            ..self.clone()
        };
        any_time != Self::default()
    }
}
