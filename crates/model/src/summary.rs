//! A trace as a list shows it.

use serde::{Deserialize, Serialize};
use throughline_wire::{SpanId, SpanKind, TraceId, UnixNanos};

use crate::OpenFate;

/// One row of the trace directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceSummary {
    /// The trace.
    pub trace_id: TraceId,
    /// Start of its earliest span.
    #[serde(rename = "start_ns")]
    pub start: UnixNanos,
    /// From its earliest start to its latest end, jobs after the answer included.
    pub duration_ns: i64,
    /// Name of its root: the earliest span without a parent, else the earliest span.
    pub root_name: String,
    /// Service of its root.
    pub root_service: String,
    /// Kind of its root.
    pub root_kind: SpanKind,
    /// Duration of its root alone: what the user waited for.
    pub root_duration_ns: i64,
    /// Whether a span without a parent has come; otherwise the root is the best known.
    pub has_root: bool,
    /// The services that took part, by name.
    pub services: Vec<String>,
    /// How many spans are stored.
    pub span_count: u64,
    /// How many of them failed.
    pub error_count: u64,
    /// The status message of the last failed span to begin that has one; at most 256 characters.
    pub error: Option<String>,
    /// What became of its spans that have begun and not ended, when this was read: running as soon
    /// as one of them does; none when there are none.
    pub open: Option<OpenFate>,
    /// Whether somebody pinned it, so that no rule removes it.
    pub is_pinned: bool,
    /// Who caused it, where a span said so.
    pub user: Option<String>,
    /// In which session, where a span said so.
    pub session: Option<String>,
    /// A span that a search found; none where nothing was asked of spans.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matched_span: Option<MatchedSpan>,
}

/// A span that made a search find its trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchedSpan {
    /// The span.
    pub span_id: SpanId,
    /// Its name.
    pub name: String,
}
