//! Encodes and decodes OTLP `Span.Event`.

use std::borrow::Cow;

use throughline_wire::{Attributes, SpanEvent, UnixNanos};

use super::{BinaryError, Reader, any_value, writer};
use crate::context::DecodeContext;
use crate::pairs::Pairs;

/// Reads the fields of a `Span.Event`. A time after the year 2262 becomes negative, and validation
/// repairs it.
///
/// # Errors
/// Fails if the bytes are not protobuf or a field has the wrong type; the error names the byte.
pub fn decode(
    mut reader: Reader<'_>,
    context: &mut DecodeContext,
) -> Result<SpanEvent, BinaryError> {
    let mut event = SpanEvent {
        time: UnixNanos::default(),
        name: Cow::Borrowed(""),
        attributes: Attributes::EMPTY,
        dropped_attributes_count: 0,
    };
    let mut pairs = Pairs::default();
    while let Some(field) = reader.next_field()? {
        match field.number() {
            1 => event.time = UnixNanos::new(field.fixed64()? as i64),
            2 => event.name = field.text(&mut context.repairs.kinds)?,
            3 => any_value::decode_pair(field.message()?, 1, &mut pairs, context)?,
            4 => event.dropped_attributes_count = field.uint32()?,
            _ => {}
        }
    }
    let dropped = &mut event.dropped_attributes_count;
    event.attributes = pairs.into_set().into_attributes(dropped, context);
    Ok(event)
}

/// Appends the fields of a `Span.Event`.
pub fn encode(event: &SpanEvent, out: &mut Vec<u8>) {
    if event.time != UnixNanos::default() {
        writer::fixed64(1, event.time.get() as u64, out);
    }
    writer::text(2, &event.name, out);
    any_value::encode_key_values(3, &event.attributes, 1, out);
    if event.dropped_attributes_count != 0 {
        writer::varint(4, u64::from(event.dropped_attributes_count), out);
    }
}
