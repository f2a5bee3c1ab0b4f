//! Iterates over encoded attributes without decoding their values.

use throughline_wire::AttributeValue;

use super::Reader;
use super::shortest::{delimited, tag};

/// Returns an iterator over the attributes written by
/// [`encode_attributes`](super::encode_attributes), in order. It ends at the first invalid byte.
pub const fn attributes_in(bytes: &[u8]) -> AttributeBytes<'_> {
    AttributeBytes(Reader::new(bytes))
}

/// An iterator over encoded attributes. It yields the bytes of each key and the encoded value.
#[derive(Debug, Clone)]
pub struct AttributeBytes<'a>(Reader<'a>);

/// An encoded attribute value.
#[derive(Debug, Clone, Copy)]
pub struct ValueBytes<'a>(Reader<'a>);

impl<'a> ValueBytes<'a> {
    /// Returns the text if the value is a string.
    pub fn as_str(&self) -> Option<&'a str> {
        self.text_at().map(|(_, text)| text)
    }

    /// Returns the text and its offset in the encoded attributes, if the value is a string.
    pub fn text_at(&self) -> Option<(usize, &'a str)> {
        let mut reader = self.0;
        if let Some((text, [])) = delimited(tag(1), reader.bytes()) {
            let offset = reader.offset() + reader.bytes().len() - text.len();
            return Some((offset, core::str::from_utf8(text).ok()?));
        }
        let field = reader.next_field().ok()??;
        let text = (field.number() == 1).then_some(field)?.message().ok()?;
        Some((text.offset(), core::str::from_utf8(text.bytes()).ok()?))
    }

    /// Decodes the value; `None` if the bytes are invalid.
    pub fn decode(&self) -> Option<AttributeValue> {
        super::decode_value(self.0).ok()
    }
}

impl<'a> AttributeBytes<'a> {
    /// Returns the next attribute if its key and value are in the shortest form, as nearly all are.
    /// `None` falls back to the general reader.
    fn next_shortest(&mut self) -> Option<(&'a [u8], ValueBytes<'a>)> {
        let left = self.0.bytes();
        let (pair, rest) = delimited(tag(1), left)?;
        let (key, value) = delimited(tag(1), pair)?;
        let (value, []) = delimited(tag(2), value)? else {
            return None;
        };
        // The offset of a part follows from the number of bytes behind it.
        let pair_end = self.0.offset() + left.len() - rest.len();
        let value = Reader::at(value, pair_end - value.len());
        self.0 = Reader::at(rest, pair_end);
        Some((key, ValueBytes(value)))
    }
}

impl<'a> Iterator for AttributeBytes<'a> {
    type Item = (&'a [u8], ValueBytes<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(next) = self.next_shortest() {
            return Some(next);
        }
        let mut pair = self.0.next_field().ok()??.message().ok()?;
        let (mut key, mut value): (&[u8], _) = (&[], Reader::new(&[]));
        while let Some(field) = pair.next_field().ok()? {
            match field.number() {
                1 => key = field.bytes().ok()?,
                2 => value = field.message().ok()?,
                _ => {}
            }
        }
        Some((key, ValueBytes(value)))
    }
}
