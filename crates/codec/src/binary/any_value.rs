//! Encodes and decodes OTLP `AnyValue`, `ArrayValue`, `KeyValueList` and `KeyValue`.

use std::borrow::Cow;

use throughline_wire::attribute::{MAX_DEPTH, TOO_DEEP};
use throughline_wire::{AttributeValue, Attributes, Repair};

use super::{BinaryError, Reader, writer};
use crate::context::DecodeContext;
use crate::pairs::Pairs;

/// Reads an `AnyValue`. `depth` is 1 for the value of an attribute. A value deeper than
/// [`MAX_DEPTH`] is replaced by [`TOO_DEEP`] and recorded as a repair. Items over the budget are
/// left out. If the value is set twice, the last one wins.
///
/// # Errors
/// Fails if the bytes are not protobuf or a field has the wrong type; the error names the byte.
pub fn decode(
    mut reader: Reader<'_>,
    depth: usize,
    context: &mut DecodeContext,
) -> Result<AttributeValue, BinaryError> {
    if depth > MAX_DEPTH {
        context.repair(Repair::NestedTooDeep);
        return Ok(AttributeValue::Str(Cow::Borrowed(TOO_DEEP)));
    }
    if depth == 1 {
        context.budget.begin_value();
    }
    let mut value = AttributeValue::Empty;
    while let Some(field) = reader.next_field()? {
        value = match field.number() {
            1 => AttributeValue::Str(field.text(&mut context.repairs.kinds)?),
            2 => AttributeValue::Bool(field.varint()? != 0),
            3 => AttributeValue::Int(field.varint()? as i64),
            4 => AttributeValue::Double(f64::from_bits(field.fixed64()?)),
            5 => AttributeValue::Array(decode_array(field.message()?, depth + 1, context)?),
            6 => AttributeValue::Map(decode_map(field.message()?, depth + 1, context)?),
            7 => AttributeValue::Bytes(field.bytes()?.to_vec()),
            _ => value,
        };
    }
    Ok(value)
}

fn decode_array(
    mut reader: Reader<'_>,
    depth: usize,
    context: &mut DecodeContext,
) -> Result<Vec<AttributeValue>, BinaryError> {
    let mut values = Vec::new();
    let mut left_out = 0;
    while let Some(field) = reader.next_field()? {
        if field.number() != 1 {
            continue;
        }
        let item = field.message()?;
        if context.budget.take_item() {
            values.push(decode(item, depth, context)?);
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        values.push(context.cut_items(left_out));
    }
    Ok(values)
}

/// Reads the `KeyValueList` of a map value; `depth` is the depth of its entries.
fn decode_map(
    reader: Reader<'_>,
    depth: usize,
    context: &mut DecodeContext,
) -> Result<Attributes, BinaryError> {
    let pairs = decode_pairs(reader, depth, context)?;
    Ok(pairs.into_map(context))
}

/// Reads a `KeyValueList`; `depth` is the depth of its values.
///
/// # Errors
/// Fails like [`decode`].
pub fn decode_pairs(
    mut reader: Reader<'_>,
    depth: usize,
    context: &mut DecodeContext,
) -> Result<Pairs, BinaryError> {
    let mut pairs = Pairs::default();
    while let Some(field) = reader.next_field()? {
        if field.number() == 1 {
            decode_pair(field.message()?, depth, &mut pairs, context)?;
        }
    }
    Ok(pairs)
}

/// Reads a `KeyValue` and adds it to the `pairs` of its message, if the budget allows. `depth` is
/// the depth of the value.
///
/// # Errors
/// Fails like [`decode`].
pub fn decode_pair(
    reader: Reader<'_>,
    depth: usize,
    pairs: &mut Pairs,
    context: &mut DecodeContext,
) -> Result<(), BinaryError> {
    if pairs.take(depth, context) {
        let (key, value) = decode_key_value(reader, depth, context)?;
        pairs.push(key, value);
    } else {
        pairs.leave_out(1);
    }
    Ok(())
}

fn decode_key_value(
    mut reader: Reader<'_>,
    depth: usize,
    context: &mut DecodeContext,
) -> Result<(Cow<'static, str>, AttributeValue), BinaryError> {
    let mut key = Cow::Borrowed("");
    let mut value = AttributeValue::Empty;
    while let Some(field) = reader.next_field()? {
        match field.number() {
            1 => key = field.text(&mut context.repairs.kinds)?,
            2 => value = decode(field.message()?, depth, context)?,
            _ => {}
        }
    }
    Ok((key, value))
}

/// Appends the fields of an `AnyValue`; `depth` as in [`decode`].
pub fn encode(value: &AttributeValue, depth: usize, out: &mut Vec<u8>) {
    if depth > MAX_DEPTH {
        return writer::bytes(1, TOO_DEEP.as_bytes(), out);
    }
    match value {
        AttributeValue::Empty => {}
        // Members of a oneof are written even if they are empty or zero.
        AttributeValue::Str(text) => writer::bytes(1, text.as_bytes(), out),
        AttributeValue::Bool(truth) => writer::varint(2, u64::from(*truth), out),
        AttributeValue::Int(number) => writer::varint(3, *number as u64, out),
        AttributeValue::Double(number) => writer::fixed64(4, number.to_bits(), out),
        AttributeValue::Array(values) => writer::message(5, out, |out| {
            for value in values {
                writer::message(1, out, |out| encode(value, depth + 1, out));
            }
        }),
        AttributeValue::Map(attributes) => writer::message(6, out, |out| {
            encode_key_values(1, attributes, depth + 1, out);
        }),
        AttributeValue::Bytes(bytes) => writer::bytes(7, bytes, out),
    }
}

/// Appends attributes as `KeyValue` messages of `field`; `depth` is the depth of their values.
pub fn encode_key_values(field: u32, attributes: &Attributes, depth: usize, out: &mut Vec<u8>) {
    for (key, value) in attributes.iter() {
        writer::message(field, out, |out| {
            writer::text(1, key, out);
            writer::message(2, out, |out| encode(value, depth, out));
        });
    }
}
