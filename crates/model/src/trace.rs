//! One trace in three forms: the skeleton for a waterfall, the details of a span, and the whole
//! trace.

mod columns;
pub mod order;
mod parts;
mod shared;
pub mod timing;
pub mod tree;

use core::cmp::Reverse;
use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};
use throughline_wire::{
    InstrumentationScope, Resource, Span, SpanId, SpanKind, StatusCode, TraceId, UnixNanos,
};

pub use self::parts::join_parts;

use self::order::SpanOrder;
use crate::query::quoted;
use crate::{Completeness, OpenSpan, PayloadRef, TraceSummary};

/// The data of a trace that a waterfall draws. It has no attributes, so that it stays small even if
/// the payloads are large.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TraceSkeleton {
    /// The summary of the trace, as the list shows it.
    pub summary: TraceSummary,
    /// The names of the services. [`SkeletonSpan::service`] is an index into them.
    pub services: Vec<String>,
    /// The spans in the order of [`span_order`](order::span_order). Open spans are among them, with the time they are known to
    /// have run as their duration. They are serialized column by column.
    #[serde(with = "columns")]
    pub spans: Vec<SkeletonSpan>,
    /// The number of spans whose events [`SkeletonSpan::events`] leaves out, because they have too
    /// many events or too large ones.
    #[serde(default)]
    pub unmarked_spans: u64,
    /// The completeness of the trace.
    #[serde(default)]
    pub completeness: Completeness,
    /// The spans that have begun and have not ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<OpenSpan>,
}

/// A span of a [`TraceSkeleton`]: one bar of a waterfall.
#[derive(Debug, Clone, PartialEq)]
pub struct SkeletonSpan {
    /// The span.
    pub span_id: SpanId,
    /// The parent as the sender wrote it. It may be unknown, the span itself or part of a cycle.
    pub parent_span_id: Option<SpanId>,
    /// The name of the operation.
    pub name: String,
    /// The role of the span in a call.
    pub kind: SpanKind,
    /// An index into [`TraceSkeleton::services`].
    pub service: u32,
    /// The time at which it began.
    pub start: UnixNanos,
    /// The duration in ns.
    pub duration_ns: i64,
    /// The status code.
    pub status: StatusCode,
    /// The times and names of its events, in order; see [`TraceSkeleton::unmarked_spans`].
    pub events: Vec<(UnixNanos, String)>,
}

impl TraceSkeleton {
    /// Returns the name of the service of a span.
    pub fn service_of(&self, span: &SkeletonSpan) -> &str {
        self.services
            .get(span.service as usize)
            .map_or("", String::as_str)
    }

    /// Returns the open span of this id, or `None` if the span has ended.
    pub fn open_span(&self, span_id: SpanId) -> Option<&OpenSpan> {
        self.open.iter().find(|open| open.span_id == span_id)
    }
}

/// All details of one span.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpanDetails {
    /// The span with its attributes, events and links. A large value is a preview, see
    /// [`SpanDetails::payloads`].
    pub span: Span,
    /// The resource that sent it.
    pub resource: Resource,
    /// The instrumentation scope that made it.
    pub scope: InstrumentationScope,
    /// The time at which the server committed it.
    #[serde(rename = "received_ns")]
    pub received: UnixNanos,
    /// References to its offloaded payloads. Fetch them with
    /// [`TraceReader::span_payload`](crate::TraceReader::span_payload).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub payloads: Vec<PayloadRef>,
}

/// The details of the spans with one id, in the order of their starts.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SpansOfId {
    /// The first spans, at most [`Self::MAX_SPANS`] and [`Self::MAX_BYTES`], and at least one.
    pub spans: Vec<SpanDetails>,
    /// The number of further spans with this id. The pages of the whole trace have them.
    pub more: u64,
}

impl SpansOfId {
    /// The maximum number of spans.
    pub const MAX_SPANS: usize = 20;
    /// The maximum number of bytes, unless the first span has more.
    pub const MAX_BYTES: u64 = 10 << 20;
}

/// A trace, or one page of a large trace, as the API and exports return it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trace {
    /// The summary of the trace, as the list shows it.
    pub summary: TraceSummary,
    /// The resources of the senders. [`StoredSpan::resource`] is an index into them.
    pub resources: Vec<Resource>,
    /// The instrumentation scopes. [`StoredSpan::scope`] is an index into them.
    pub scopes: Vec<InstrumentationScope>,
    /// The spans, in the order of [`span_order`](order::span_order).
    pub spans: Vec<StoredSpan>,
    /// The cursor of the next page of spans; `None` on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<SpanCursor>,
    /// The completeness of the whole trace.
    #[serde(default)]
    pub completeness: Completeness,
    /// The spans that have begun and have not ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<OpenSpan>,
}

impl Trace {
    /// Returns the id of the trace.
    pub fn trace_id(&self) -> TraceId {
        self.summary.trace_id
    }
}

/// A position in the list of spans of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SpanCursor {
    /// The position of the span at the cursor.
    pub order: SpanOrder,
    /// The number of the span among those with the same position.
    pub number: u64,
}

/// Formats the cursor for a URL: the start in ns, then the duration, the id and the number, each as
/// 16 hex characters.
impl fmt::Display for SpanCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (start, Reverse(duration_ns), span_id) = self.order;
        let number = self.number;
        write!(f, "{start}-{duration_ns:016x}-{span_id:016x}-{number:016x}")
    }
}

impl FromStr for SpanCursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            let form = "<start in ns>-<duration>-<span id>-<number>, the last three as 16 hex";
            format!("{} is not a cursor {form} characters each", quoted(text))
        };
        let bits = |text: &str| u64::from_str_radix(text, 16).map_err(|_| wrong());
        let (rest, number) = text.rsplit_once('-').ok_or_else(wrong)?;
        let (rest, span_id) = rest.rsplit_once('-').ok_or_else(wrong)?;
        let (start, duration_ns) = rest.rsplit_once('-').ok_or_else(wrong)?;
        let start = start.parse().map(UnixNanos::new).map_err(|_| wrong())?;
        Ok(Self {
            order: (
                start,
                Reverse(bits(duration_ns)?.cast_signed()),
                bits(span_id)?,
            ),
            number: bits(number)?,
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
    /// The complete span.
    #[serde(flatten)]
    pub span: Span,
    /// An index into [`Trace::resources`].
    pub resource: u32,
    /// An index into [`Trace::scopes`].
    pub scope: u32,
    /// The time at which the server committed it.
    #[serde(rename = "received_ns")]
    pub received: UnixNanos,
}
