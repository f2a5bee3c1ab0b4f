//! Protobuf bytes of attributes, events and links, laid out as OTLP lays them out.
//!
//! The store writes them to its `bytea` columns, and OTLP ingest reads requests with the same functions: the
//! [`reader`] is enough to walk any message. Written by hand because a generated decoder refuses
//! a whole request for one string that is not UTF-8 or one value nested too deep; here those are
//! repaired and reported as [`Repairs`](crate::context::Repairs).
//!
//! No input panics or overflows the stack; decoding takes time linear in its length and one
//! allocation a string.
//!
//! ```
//! use throughline_codec::binary;
//! use throughline_wire::Attributes;
//! let mut attributes = Attributes::default();
//! attributes.insert("http.response.status_code", 200_i64);
//! let mut bytes = Vec::new();
//! binary::encode_attributes(&attributes, &mut bytes);
//! assert_eq!(binary::decode_attributes(&bytes)?, attributes);
//! # Ok::<(), binary::BinaryError>(())
//! ```

pub mod any_value;
mod error;
pub mod event;
pub mod link;
mod pairs;
pub mod reader;
pub(crate) mod shortest;
pub mod writer;

#[cfg(test)]
mod tests;

pub use error::{BinaryError, BinaryErrorKind};
pub use pairs::{AttributeBytes, ValueBytes, attributes_in};
pub use reader::{Field, Reader};

use throughline_wire::{AttributeValue, Attributes, SpanEvent, SpanLink};

use crate::context::DecodeContext;

/// Appends attributes as the repeated `KeyValue values = 1` of an OTLP `KeyValueList`.
pub fn encode_attributes(attributes: &Attributes, out: &mut Vec<u8>) {
    any_value::encode_key_values(1, attributes, 1, out);
}

/// Reads what [`encode_attributes`] wrote, or any `KeyValueList`; a repeated key keeps its last
/// value.
///
/// # Errors
/// When the bytes are not protobuf or a field has another type; names the byte.
pub fn decode_attributes(bytes: &[u8]) -> Result<Attributes, BinaryError> {
    let pairs = any_value::decode_pairs(Reader::new(bytes), 1, &mut DecodeContext::for_stored())?;
    Ok(pairs.into_set().attributes)
}

/// Reads the stored `AnyValue` of an attribute, or of a body.
///
/// # Errors
/// As [`decode_attributes`].
pub fn decode_value(value: Reader<'_>) -> Result<AttributeValue, BinaryError> {
    any_value::decode(value, 1, &mut DecodeContext::for_stored())
}

/// Appends events as repeated `Span.Event` of field 1.
pub fn encode_events(events: &[SpanEvent], out: &mut Vec<u8>) {
    for event in events {
        writer::message(1, out, |out| event::encode(event, out));
    }
}

/// Reads what [`encode_events`] wrote.
///
/// # Errors
/// As [`decode_attributes`].
pub fn decode_events(bytes: &[u8]) -> Result<Vec<SpanEvent>, BinaryError> {
    repeated(bytes, event::decode)
}

/// Appends links as repeated `Span.Link` of field 1.
pub fn encode_links(links: &[SpanLink], out: &mut Vec<u8>) {
    for link in links {
        writer::message(1, out, |out| link::encode(link, out));
    }
}

/// Reads what [`encode_links`] wrote.
///
/// # Errors
/// As [`decode_attributes`], and when an id is of wrong length or zero.
pub fn decode_links(bytes: &[u8]) -> Result<Vec<SpanLink>, BinaryError> {
    repeated(bytes, link::decode)
}

fn repeated<T>(
    bytes: &[u8],
    decode: impl Fn(Reader<'_>, &mut DecodeContext) -> Result<T, BinaryError>,
) -> Result<Vec<T>, BinaryError> {
    let mut reader = Reader::new(bytes);
    let mut items = Vec::new();
    // Repairs were marked when the items were first read.
    let mut context = DecodeContext::for_stored();
    while let Some(field) = reader.next_field()? {
        if field.number() == 1 {
            items.push(decode(field.message()?, &mut context)?);
        }
    }
    Ok(items)
}
