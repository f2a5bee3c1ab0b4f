//! One trace: the skeleton a waterfall draws, the details of a span, and the whole.

mod columns;
pub mod timing;
pub mod tree;

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};
use throughline_wire::{
    InstrumentationScope, Resource, Span, SpanId, SpanKind, StatusCode, TraceId, UnixNanos,
};

use crate::{Completeness, OpenSpan, PayloadRef, TraceSummary};

/// What a waterfall needs of a trace, without attributes: stays small however large the payloads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TraceSkeleton {
    /// The trace as the list shows it.
    pub summary: TraceSummary,
    /// Service names; [`SkeletonSpan::service`] is an index into them.
    pub services: Vec<String>,
    /// Its spans by start, then id; those that have begun and not ended among them, as long as they
    /// are known to have run.
    /// They travel column by column.
    #[serde(with = "columns")]
    pub spans: Vec<SkeletonSpan>,
    /// How many spans have events that [`SkeletonSpan::events`] leaves out, because there are very
    /// many or they are large.
    #[serde(default)]
    pub unmarked_spans: u64,
    /// What is missing of it.
    #[serde(default)]
    pub completeness: Completeness,
    /// Its spans that have begun and not ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<OpenSpan>,
}

/// One bar of a waterfall.
#[derive(Debug, Clone, PartialEq)]
pub struct SkeletonSpan {
    /// The span.
    pub span_id: SpanId,
    /// Its parent as it was sent; may be unknown, itself or part of a cycle.
    pub parent_span_id: Option<SpanId>,
    /// The operation.
    pub name: String,
    /// Its role in a call.
    pub kind: SpanKind,
    /// Index into [`TraceSkeleton::services`].
    pub service: u32,
    /// When it began.
    pub start: UnixNanos,
    /// How long it took.
    pub duration_ns: i64,
    /// How it ended.
    pub status: StatusCode,
    /// When its events happened, in order, with their names; see
    /// [`TraceSkeleton::unmarked_spans`].
    pub events: Vec<(UnixNanos, String)>,
}

impl TraceSkeleton {
    /// Name of the service a span belongs to.
    pub fn service_of(&self, span: &SkeletonSpan) -> &str {
        self.services
            .get(span.service as usize)
            .map_or("", String::as_str)
    }

    /// What became of the span when it has not ended; none when it has.
    pub fn open_span(&self, span_id: SpanId) -> Option<&OpenSpan> {
        self.open.iter().find(|open| open.span_id == span_id)
    }
}

/// Everything known of one span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpanDetails {
    /// The span with its attributes, events and links; a large value is a preview, see
    /// [`SpanDetails::payloads`].
    pub span: Span,
    /// Who sent it.
    pub resource: Resource,
    /// The library that made it.
    pub scope: InstrumentationScope,
    /// When the server committed it.
    #[serde(rename = "received_ns")]
    pub received: UnixNanos,
    /// Values that are kept apart, fetched by
    /// [`TraceReader::span_payload`](crate::TraceReader::span_payload).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub payloads: Vec<PayloadRef>,
}

/// A trace, or a page of a large one, as the API and exports give it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// The trace as the list shows it.
    pub summary: TraceSummary,
    /// The senders; [`StoredSpan::resource`] is an index into them.
    pub resources: Vec<Resource>,
    /// The libraries; [`StoredSpan::scope`] is an index into them.
    pub scopes: Vec<InstrumentationScope>,
    /// Its spans by start, then id.
    pub spans: Vec<StoredSpan>,
    /// Where the next page of spans begins; none on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<SpanCursor>,
    /// What is missing of the whole trace.
    #[serde(default)]
    pub completeness: Completeness,
    /// Its spans that have begun and not ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<OpenSpan>,
}

impl Trace {
    /// Its id.
    pub fn trace_id(&self) -> TraceId {
        self.summary.trace_id
    }
}

/// A place among the spans of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SpanCursor {
    /// When the span at this place began.
    pub start: UnixNanos,
    /// The span, by the order of its bits as a number.
    pub span_id: i64,
    /// What decides between spans of one id and one start.
    pub digest: i64,
}

/// `<time in ns>-<16 hex characters>-<16 hex characters>`: what a URL carries.
impl fmt::Display for SpanCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}-{:016x}-{:016x}",
            self.start, self.span_id, self.digest
        )
    }
}

impl FromStr for SpanCursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("cursor {text:?} is not <time in ns>-<16 hex>-<16 hex characters>");
        let bits = |text: &str| u64::from_str_radix(text, 16).map(u64::cast_signed);
        let (rest, digest) = text.rsplit_once('-').ok_or_else(wrong)?;
        let (start, span_id) = rest.rsplit_once('-').ok_or_else(wrong)?;
        Ok(Self {
            start: start.parse().map(UnixNanos::new).map_err(|_| wrong())?,
            span_id: bits(span_id).map_err(|_| wrong())?,
            digest: bits(digest).map_err(|_| wrong())?,
        })
    }
}

impl Serialize for SpanCursor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SpanCursor {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A span of a [`Trace`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredSpan {
    /// The span, complete.
    #[serde(flatten)]
    pub span: Span,
    /// Index into [`Trace::resources`].
    pub resource: u32,
    /// Index into [`Trace::scopes`].
    pub scope: u32,
    /// When the server committed it.
    #[serde(rename = "received_ns")]
    pub received: UnixNanos,
}
