//! The summary of a trace, as lists show it.

use serde::{Deserialize, Serialize};
use throughline_wire::{SpanId, SpanKind, TraceId, UnixNanos};

use crate::OpenFate;

/// The summary of a trace: one row of the trace list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceSummary {
    /// The trace.
    pub trace_id: TraceId,
    /// The start of its earliest span.
    #[serde(rename = "start_ns")]
    pub start: UnixNanos,
    /// The time from its earliest start to its latest end in ns, including jobs that run after the
    /// response.
    pub duration_ns: i64,
    /// The name of its root: the earliest span without a parent, or the earliest span if all have
    /// one.
    pub root_name: String,
    /// The service of its root.
    pub root_service: String,
    /// The kind of its root.
    pub root_kind: SpanKind,
    /// The duration of its root alone in ns, which is the time the user waited.
    pub root_duration_ns: i64,
    /// True if a span without a parent is stored. Otherwise the root is the earliest span.
    pub has_root: bool,
    /// The services that took part, by name; at most [`Self::MAX_SERVICES`].
    pub services: Vec<String>,
    /// True if more services took part.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub has_more_services: bool,
    /// The number of stored spans.
    pub span_count: u64,
    /// The number of failed spans.
    pub error_count: u64,
    /// The status message of the latest failed span that has one, at most 256 characters.
    pub error: Option<String>,
    /// The state of its open spans at the time of reading: running if at least one still runs;
    /// `None` if no span is open.
    pub open: Option<OpenFate>,
    /// True if the trace is pinned, so that no rule removes it.
    pub is_pinned: bool,
    /// The user who caused it, if a span names one.
    pub user: Option<String>,
    /// The session, if a span names one.
    pub session: Option<String>,
    /// A span that matched the search; `None` if the search has no condition on spans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matched_span: Option<MatchedSpan>,
}

impl TraceSummary {
    /// The maximum number of services in a summary.
    pub const MAX_SERVICES: usize = 64;
}

/// A span by which a search found its trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchedSpan {
    /// The span.
    pub span_id: SpanId,
    /// Its name.
    pub name: String,
}
