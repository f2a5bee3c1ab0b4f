//! Spans in their stored form: texts in one buffer, and attributes, events and links as OTLP
//! protobuf in another.
//!
//! Nearly all spans of OpenTelemetry SDKs arrive in exactly the form that is stored and need no
//! repair. [`PackedSpans::push_otlp`] recognises such a span in one pass over its bytes and copies
//! it, without building values and without an allocation per span. All other spans take the general
//! path, [`binary`](crate::binary) and [`validate`](crate::validate). Both paths store the same
//! result; a test compares them.
//!
//! ```
//! use throughline_codec::packed::PackedSpans;
//! use throughline_wire::{Limits, UnixNanos};
//! // A trace id, a span id, a name, a start and an end.
//! let mut span = vec![0x0a, 16];
//! span.extend([7; 16]);
//! span.extend([0x12, 8, 1, 1, 1, 1, 1, 1, 1, 1, 0x2a, 2, b'g', b'o']);
//! span.extend([0x39, 1, 0, 0, 0, 0, 0, 0, 0, 0x41, 2, 0, 0, 0, 0, 0, 0, 0]);
//! let mut spans = PackedSpans::default();
//! assert!(spans.push_otlp(&span, &Limits::default(), UnixNanos::new(9)));
//! let packed = spans.iter().next().expect("one");
//! assert_eq!((packed.name, packed.duration_ns()), ("go", 1));
//! ```

mod canonical;
mod scan;
#[cfg(test)]
mod tests;

use throughline_wire::{SpanId, SpanKind, StatusCode, TraceId, UnixNanos};

use crate::binary::{AttributeBytes, attributes_in};

/// The maximum size of a value on this path, in bytes. Larger values take the general path, because
/// the store offloads large payloads.
pub const MAX_VALUE_BYTES: usize = 4096;

/// Spans that can be stored without repair or decoding.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PackedSpans {
    /// The name, trace state and status message of each span, one after the other.
    texts: String,
    /// The attributes, events and links of each span, one after the other.
    bytes: Vec<u8>,
    spans: Vec<Head>,
    /// A buffer of the scan, reused for each span.
    keys: canonical::Keys,
}

/// The fixed-size fields of a span, and the lengths of its parts in the buffers.
#[derive(Debug, Clone, PartialEq)]
struct Head {
    trace_id: TraceId,
    span_id: SpanId,
    parent_span_id: Option<SpanId>,
    start: UnixNanos,
    end: UnixNanos,
    flags: u32,
    dropped_attributes_count: u32,
    dropped_events_count: u32,
    dropped_links_count: u32,
    kind: SpanKind,
    status: StatusCode,
    name_len: u32,
    trace_state_len: u32,
    status_message_len: u32,
    attributes_len: u32,
    events_len: u32,
    links_len: u32,
}

/// A span of [`PackedSpans`]; the fields are those of [`Span`](throughline_wire::Span).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PackedSpan<'a> {
    /// The trace it belongs to.
    pub trace_id: TraceId,
    /// The id of the span within the trace.
    pub span_id: SpanId,
    /// The parent span; `None` for a root span.
    pub parent_span_id: Option<SpanId>,
    /// W3C `tracestate`.
    pub trace_state: &'a str,
    /// OTLP span flags.
    pub flags: u32,
    /// The operation name.
    pub name: &'a str,
    /// The role of the span in a call.
    pub kind: SpanKind,
    /// The start time.
    pub start: UnixNanos,
    /// The end time; not before the start.
    pub end: UnixNanos,
    /// The outcome.
    pub status: StatusCode,
    /// The error message.
    pub status_message: &'a str,
    /// The attributes, as written by [`encode_attributes`](crate::binary::encode_attributes).
    pub attributes: &'a [u8],
    /// The number of attributes the sender dropped.
    pub dropped_attributes_count: u32,
    /// The events, as written by [`encode_events`](crate::binary::encode_events).
    pub events: &'a [u8],
    /// The number of events the sender dropped.
    pub dropped_events_count: u32,
    /// The links, as written by [`encode_links`](crate::binary::encode_links).
    pub links: &'a [u8],
    /// The number of links the sender dropped.
    pub dropped_links_count: u32,
}

impl<'a> PackedSpan<'a> {
    /// Returns the nanoseconds from start to end.
    pub fn duration_ns(&self) -> i64 {
        self.end.since(self.start)
    }

    /// Iterates over the attributes in order, without decoding their values.
    pub fn attributes(&self) -> AttributeBytes<'a> {
        attributes_in(self.attributes)
    }
}

impl PackedSpans {
    /// Returns the number of spans.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Returns the size of all texts, attributes, events and links, in bytes.
    pub fn byte_count(&self) -> usize {
        self.texts.len() + self.bytes.len()
    }

    /// Returns true if there are no spans.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Removes the spans from index `at` on and returns them.
    #[must_use]
    pub fn split_off(&mut self, at: usize) -> Self {
        let at = at.min(self.spans.len());
        let kept = self.spans.iter().take(at);
        let (mut texts, mut bytes) = (0, 0);
        for head in kept {
            let text = [head.name_len, head.trace_state_len, head.status_message_len];
            texts += text.map(|len| len as usize).iter().sum::<usize>();
            let part = [head.attributes_len, head.events_len, head.links_len];
            bytes += part.map(|len| len as usize).iter().sum::<usize>();
        }
        Self {
            texts: self.texts.split_off(texts),
            bytes: self.bytes.split_off(bytes),
            spans: self.spans.split_off(at),
            keys: canonical::Keys::default(),
        }
    }

    /// Iterates over the spans in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = PackedSpan<'_>> {
        let (mut texts, mut bytes) = (self.texts.as_str(), self.bytes.as_slice());
        self.spans.iter().map(move |head| PackedSpan {
            trace_id: head.trace_id,
            span_id: head.span_id,
            parent_span_id: head.parent_span_id,
            name: take_text(&mut texts, head.name_len),
            trace_state: take_text(&mut texts, head.trace_state_len),
            status_message: take_text(&mut texts, head.status_message_len),
            flags: head.flags,
            kind: head.kind,
            start: head.start,
            end: head.end,
            status: head.status,
            attributes: take_bytes(&mut bytes, head.attributes_len),
            events: take_bytes(&mut bytes, head.events_len),
            links: take_bytes(&mut bytes, head.links_len),
            dropped_attributes_count: head.dropped_attributes_count,
            dropped_events_count: head.dropped_events_count,
            dropped_links_count: head.dropped_links_count,
        })
    }
}

fn take_text<'a>(texts: &mut &'a str, len: u32) -> &'a str {
    let (text, rest) = texts.split_at(len as usize);
    *texts = rest;
    text
}

fn take_bytes<'a>(bytes: &mut &'a [u8], len: u32) -> &'a [u8] {
    let (taken, rest) = bytes.split_at(len as usize);
    *bytes = rest;
    taken
}
