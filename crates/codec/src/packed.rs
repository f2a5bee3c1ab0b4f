//! Spans in the form they are stored in: texts in one buffer, OTLP protobuf of attributes, events
//! and links in another.
//!
//! Nearly every span an OpenTelemetry SDK sends is written in the very form that is stored, and
//! needs no repair. [`PackedSpans::push_otlp`] recognises such a span in one pass over its bytes
//! and copies them: no value is built, nothing is allocated for a single span. Whatever it does not
//! recognise it leaves to the ordinary way, [`binary`](crate::binary) and
//! [`validate`](crate::validate), which comes to the same result; a test holds the two together.
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

/// Longer values are left to the ordinary way: the store keeps large ones apart.
pub const MAX_VALUE_BYTES: usize = 4096;

/// Spans that need neither repair nor decoding to be stored.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PackedSpans {
    /// Name, trace state and status message of each span, one after the other.
    texts: String,
    /// Attributes, events and links of each span, one after the other.
    bytes: Vec<u8>,
    spans: Vec<Head>,
    /// What the recognition of a span needs and the next one can use again.
    keys: canonical::Keys,
}

/// What has a fixed size of a span, and how much it has of the rest.
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

/// A span of [`PackedSpans`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PackedSpan<'a> {
    /// See [`Span`](throughline_wire::Span), as for all of these.
    pub trace_id: TraceId,
    /// Its id within the trace.
    pub span_id: SpanId,
    /// The span that caused it.
    pub parent_span_id: Option<SpanId>,
    /// W3C `tracestate`.
    pub trace_state: &'a str,
    /// OTLP span flags.
    pub flags: u32,
    /// The operation.
    pub name: &'a str,
    /// Its role in a call.
    pub kind: SpanKind,
    /// When it began.
    pub start: UnixNanos,
    /// When it ended; not before its start.
    pub end: UnixNanos,
    /// How it ended.
    pub status: StatusCode,
    /// What went wrong.
    pub status_message: &'a str,
    /// As [`encode_attributes`](crate::binary::encode_attributes) writes them.
    pub attributes: &'a [u8],
    /// How many attributes the sender dropped.
    pub dropped_attributes_count: u32,
    /// As [`encode_events`](crate::binary::encode_events) writes them.
    pub events: &'a [u8],
    /// How many events the sender dropped.
    pub dropped_events_count: u32,
    /// As [`encode_links`](crate::binary::encode_links) writes them.
    pub links: &'a [u8],
    /// How many links the sender dropped.
    pub dropped_links_count: u32,
}

impl<'a> PackedSpan<'a> {
    /// Nanoseconds from start to end.
    pub fn duration_ns(&self) -> i64 {
        self.end.since(self.start)
    }

    /// Its attributes, in order, without decoding their values.
    pub fn attributes(&self) -> AttributeBytes<'a> {
        attributes_in(self.attributes)
    }
}

impl PackedSpans {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Bytes of their texts, attributes, events and links.
    pub fn byte_count(&self) -> usize {
        self.texts.len() + self.bytes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The spans, in the order they were added.
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
