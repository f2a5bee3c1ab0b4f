//! Spans that have started and not ended.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::resource::is_zero;
use crate::{Attributes, Span, SpanId, SpanKind, TraceId, UnixNanos};

/// A span that has started, with the data known before its end. The ended span replaces it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(expecting = "a start object")]
pub struct SpanStart {
    /// The trace it belongs to.
    pub trace_id: TraceId,
    /// The id of the span within the trace.
    pub span_id: SpanId,
    /// The parent span; `None` for a root span.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_span_id: Option<SpanId>,
    /// OTLP span flags, as in [`Span::flags`].
    #[serde(default, skip_serializing_if = "is_zero")]
    pub flags: u32,
    /// The operation name, as far as it is known.
    pub name: Cow<'static, str>,
    /// The role of the span in a call.
    #[serde(default)]
    pub kind: SpanKind,
    /// The start time.
    #[serde(rename = "start_ns")]
    pub start: UnixNanos,
    /// The attributes so far.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    /// The sequence number in its process, as in [`Span::sequence`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
}

impl SpanStart {
    /// Returns the start record of `span`.
    pub fn of(span: &Span) -> Self {
        Self {
            trace_id: span.trace_id,
            span_id: span.span_id,
            parent_span_id: span.parent_span_id,
            flags: span.flags,
            name: span.name.clone(),
            kind: span.kind,
            start: span.start,
            attributes: span.attributes.clone(),
            sequence: span.sequence,
        }
    }

    /// Returns a span that ends at its start time.
    pub fn into_span(self) -> Span {
        Span {
            parent_span_id: self.parent_span_id,
            flags: self.flags,
            name: self.name,
            kind: self.kind,
            attributes: self.attributes,
            sequence: self.sequence,
            ..Span::new(self.trace_id, self.span_id, self.start)
        }
    }
}
