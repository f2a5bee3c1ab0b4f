//! A common view of decoded and packed spans.

use throughline_codec::binary;
use throughline_codec::packed::PackedSpan;
use throughline_wire::{Span, SpanId, StatusCode};

/// The fields of a span as its sender sent them, decoded or packed.
pub(super) struct SpanFields<'a> {
    pub(super) trace_id: [u8; 16],
    pub(super) span_id: [u8; 8],
    pub(super) parent_span_id: Option<[u8; 8]>,
    pub(super) start_ns: i64,
    pub(super) duration_ns: i64,
    pub(super) flags: u32,
    pub(super) dropped_attributes_count: u32,
    pub(super) dropped_events_count: u32,
    pub(super) dropped_links_count: u32,
    pub(super) status: StatusCode,
    pub(super) trace_state: &'a str,
    pub(super) status_message: &'a str,
    pub(super) values: FieldValues<'a>,
}

impl<'a> SpanFields<'a> {
    /// Creates the view of a decoded span.
    pub(super) fn decoded(span: &'a Span) -> Self {
        Self {
            trace_id: span.trace_id.to_bytes(),
            span_id: span.span_id.to_bytes(),
            parent_span_id: span.parent_span_id.map(SpanId::to_bytes),
            start_ns: span.start.get(),
            duration_ns: span.duration_ns(),
            flags: span.flags,
            dropped_attributes_count: span.dropped_attributes_count,
            dropped_events_count: span.dropped_events_count,
            dropped_links_count: span.dropped_links_count,
            status: span.status.code,
            trace_state: &span.trace_state,
            status_message: &span.status.message,
            values: FieldValues::Decoded(span),
        }
    }

    /// Creates the view of a packed span.
    pub(super) fn packed(span: &'a PackedSpan<'a>) -> Self {
        Self {
            trace_id: span.trace_id.to_bytes(),
            span_id: span.span_id.to_bytes(),
            parent_span_id: span.parent_span_id.map(SpanId::to_bytes),
            start_ns: span.start.get(),
            duration_ns: span.duration_ns(),
            flags: span.flags,
            dropped_attributes_count: span.dropped_attributes_count,
            dropped_events_count: span.dropped_events_count,
            dropped_links_count: span.dropped_links_count,
            status: span.status,
            trace_state: span.trace_state,
            status_message: span.status_message,
            values: FieldValues::Packed(span),
        }
    }
}

/// Attributes, events and links: not encoded yet, or encoded.
pub(super) enum FieldValues<'a> {
    Decoded(&'a Span),
    Packed(&'a PackedSpan<'a>),
}

impl FieldValues<'_> {
    pub(super) fn attributes(&self, out: &mut Vec<u8>) {
        match self {
            Self::Decoded(span) => binary::encode_attributes(&span.attributes, out),
            Self::Packed(span) => out.extend_from_slice(span.attributes),
        }
    }

    pub(super) fn events(&self, out: &mut Vec<u8>) {
        match self {
            Self::Decoded(span) => binary::encode_events(&span.events, out),
            Self::Packed(span) => out.extend_from_slice(span.events),
        }
    }

    pub(super) fn links(&self, out: &mut Vec<u8>) {
        match self {
            Self::Decoded(span) => binary::encode_links(&span.links, out),
            Self::Packed(span) => out.extend_from_slice(span.links),
        }
    }
}
