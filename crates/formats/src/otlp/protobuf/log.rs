//! Decodes a `LogRecord` from protobuf.

use throughline_codec::binary::{BinaryError, BinaryErrorKind, Reader, any_value};
use throughline_codec::context::DecodeContext;
use throughline_codec::pairs::Pairs;
use throughline_wire::{LogRecord, SpanId, TraceId};

use super::time;
use crate::otlp::name_event;

/// Decodes a log record.
///
/// # Errors
/// The bytes are not such a message. The kind is [`BinaryErrorKind::Id`] if only its ids are
/// invalid.
pub(super) fn log_record(
    mut reader: Reader<'_>,
    context: &mut DecodeContext,
) -> Result<LogRecord, BinaryError> {
    let start_of_message = reader.offset();
    let (mut trace_id, mut span_id): (&[u8], &[u8]) = (&[], &[]);
    let mut pairs = Pairs::default();
    let mut record = LogRecord::default();
    while let Some(field) = reader.next_field()? {
        match field.number() {
            1 => record.time = time(field.fixed64()?),
            2 => record.severity_number = LogRecord::severity_from_code(field.varint()? as i64),
            3 => record.severity_text = field.text(&mut context.repairs.kinds)?,
            5 => record.body = any_value::decode(field.message()?, 1, context)?,
            6 => any_value::decode_pair(field.message()?, 1, &mut pairs, context)?,
            7 => record.dropped_attributes_count = field.uint32()?,
            8 => record.flags = field.fixed32()?,
            9 => trace_id = field.bytes()?,
            10 => span_id = field.bytes()?,
            11 => record.observed = time(field.fixed64()?),
            12 => record.event_name = field.text(&mut context.repairs.kinds)?,
            _ => {}
        }
    }
    let wrong = |field, error| BinaryError {
        offset: start_of_message,
        kind: BinaryErrorKind::Id { field, error },
    };
    // Some senders write zeros for a missing id.
    if trace_id.iter().any(|byte| *byte != 0) {
        let id = TraceId::from_slice(trace_id).map_err(|error| wrong("trace_id", error))?;
        record.trace_id = Some(id);
    }
    if span_id.iter().any(|byte| *byte != 0) {
        let id = SpanId::from_slice(span_id).map_err(|error| wrong("span_id", error))?;
        record.span_id = Some(id);
    }
    let dropped = &mut record.dropped_attributes_count;
    record.attributes = pairs.into_set().into_attributes(dropped, context);
    name_event(&mut record);
    Ok(record)
}
