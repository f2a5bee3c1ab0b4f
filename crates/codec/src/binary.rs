//! Encodes attributes, events and links as OTLP protobuf, and decodes them.
//!
//! The store writes these bytes to its `bytea` columns. The OTLP receivers use the same functions;
//! the [`reader`] can walk any message. The code is written by hand because a generated decoder
//! rejects a whole request for one string that is not UTF-8 or one value nested too deep. These
//! functions repair such values and report [`Repairs`](crate::context::Repairs).
//!
//! No input causes a panic or a stack overflow. Decoding takes linear time and one allocation per
//! string.
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
mod size;
pub mod writer;

#[cfg(test)]
mod tests;

pub use error::{BinaryError, BinaryErrorKind};
pub use pairs::{AttributeBytes, ValueBytes, attributes_in};
pub use reader::{Field, Reader};
pub use size::approximate_size;

use throughline_wire::{AttributeValue, Attributes, SpanEvent, SpanLink};

use crate::context::DecodeContext;

/// Appends attributes as `KeyValue` messages of field 1, the form of an OTLP `KeyValueList`.
pub fn encode_attributes(attributes: &Attributes, out: &mut Vec<u8>) {
    any_value::encode_key_values(1, attributes, 1, out);
}

/// Reads the bytes of [`encode_attributes`] or any other `KeyValueList`. The last value of a
/// repeated key wins.
///
/// # Errors
/// Fails if the bytes are not protobuf or a field has the wrong type; the error names the byte.
pub fn decode_attributes(bytes: &[u8]) -> Result<Attributes, BinaryError> {
    let pairs = any_value::decode_pairs(Reader::new(bytes), 1, &mut DecodeContext::for_stored())?;
    Ok(pairs.into_set().attributes)
}

/// Reads the stored `AnyValue` of an attribute or of a log body.
///
/// # Errors
/// Fails like [`decode_attributes`].
pub fn decode_value(value: Reader<'_>) -> Result<AttributeValue, BinaryError> {
    any_value::decode(value, 1, &mut DecodeContext::for_stored())
}

/// Appends events as `Span.Event` messages of field 1.
pub fn encode_events(events: &[SpanEvent], out: &mut Vec<u8>) {
    for event in events {
        writer::message(1, out, |out| event::encode(event, out));
    }
}

/// Reads the bytes of [`encode_events`].
///
/// # Errors
/// Fails like [`decode_attributes`].
pub fn decode_events(bytes: &[u8]) -> Result<Vec<SpanEvent>, BinaryError> {
    repeated(bytes, event::decode)
}

/// Appends links as `Span.Link` messages of field 1.
pub fn encode_links(links: &[SpanLink], out: &mut Vec<u8>) {
    for link in links {
        writer::message(1, out, |out| link::encode(link, out));
    }
}

/// Reads the bytes of [`encode_links`].
///
/// # Errors
/// Fails like [`decode_attributes`], and if an id is zero or has the wrong length.
pub fn decode_links(bytes: &[u8]) -> Result<Vec<SpanLink>, BinaryError> {
    repeated(bytes, link::decode)
}

fn repeated<T>(
    bytes: &[u8],
    decode: impl Fn(Reader<'_>, &mut DecodeContext) -> Result<T, BinaryError>,
) -> Result<Vec<T>, BinaryError> {
    let mut reader = Reader::new(bytes);
    let mut items = Vec::new();
    // Repairs are ignored: they were recorded when the items were decoded for the first time.
    let mut context = DecodeContext::for_stored();
    while let Some(field) = reader.next_field()? {
        if field.number() == 1 {
            items.push(decode(field.message()?, &mut context)?);
        }
    }
    Ok(items)
}
