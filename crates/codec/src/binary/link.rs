//! Encodes and decodes OTLP `Span.Link`.

use std::borrow::Cow;

use throughline_wire::{SpanId, SpanLink, TraceId};

use super::{BinaryError, BinaryErrorKind, Reader, any_value, writer};
use crate::context::DecodeContext;
use crate::pairs::Pairs;

/// Reads the fields of a `Span.Link`.
///
/// # Errors
/// Fails if the bytes are not protobuf or a field has the wrong type; the error names the byte.
/// Fails with [`BinaryErrorKind::Id`] if an id is missing, zero or of the wrong length. Then only
/// this link is bad, and ingest drops and counts it.
pub fn decode(
    mut reader: Reader<'_>,
    context: &mut DecodeContext,
) -> Result<SpanLink, BinaryError> {
    let start = reader.offset();
    let (mut trace_id, mut span_id): (&[u8], &[u8]) = (&[], &[]);
    let (mut trace_state, mut flags) = (Cow::Borrowed(""), 0);
    let (mut pairs, mut dropped_attributes_count) = (Pairs::default(), 0);
    while let Some(field) = reader.next_field()? {
        match field.number() {
            1 => trace_id = field.bytes()?,
            2 => span_id = field.bytes()?,
            3 => trace_state = field.text(&mut context.repairs.kinds)?,
            4 => any_value::decode_pair(field.message()?, 1, &mut pairs, context)?,
            5 => dropped_attributes_count = field.uint32()?,
            6 => flags = field.fixed32()?,
            _ => {}
        }
    }
    let bad_id = |field| {
        move |error| BinaryError {
            offset: start,
            kind: BinaryErrorKind::Id { field, error },
        }
    };
    let set = pairs.into_set();
    let attributes = set.into_attributes(&mut dropped_attributes_count, context);
    Ok(SpanLink {
        trace_id: TraceId::from_slice(trace_id).map_err(bad_id("trace_id"))?,
        span_id: SpanId::from_slice(span_id).map_err(bad_id("span_id"))?,
        trace_state,
        flags,
        attributes,
        dropped_attributes_count,
    })
}

/// Appends the fields of a `Span.Link`.
pub fn encode(link: &SpanLink, out: &mut Vec<u8>) {
    writer::bytes(1, &link.trace_id.to_bytes(), out);
    writer::bytes(2, &link.span_id.to_bytes(), out);
    writer::text(3, &link.trace_state, out);
    any_value::encode_key_values(4, &link.attributes, 1, out);
    if link.dropped_attributes_count != 0 {
        writer::varint(5, u64::from(link.dropped_attributes_count), out);
    }
    if link.flags != 0 {
        writer::fixed32(6, link.flags, out);
    }
}
