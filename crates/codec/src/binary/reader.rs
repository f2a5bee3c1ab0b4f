//! A cursor over the fields of a protobuf message; borrows, never allocates, never recurses.
//!
//! ```
//! use throughline_codec::binary::Reader;
//! // Field 1 is a message whose field 2 is the number 5; field 9 is unknown.
//! let mut reader = Reader::new(&[0x0a, 0x02, 0x10, 0x05, 0x48, 0x00]);
//! while let Some(field) = reader.next_field()? {
//!     match field.number() {
//!         1 => {
//!             let mut inner = field.message()?;
//!             let two = inner.next_field()?.expect("one field");
//!             assert_eq!((two.number(), two.varint()?), (2, 5));
//!         }
//!         _ => {} // An unknown field has been stepped over already.
//!     }
//! }
//! # Ok::<(), throughline_codec::binary::BinaryError>(())
//! ```

use std::borrow::Cow;

use throughline_wire::{Repair, RepairSet};

use super::{BinaryError, BinaryErrorKind};

/// The greatest field number (protobuf encoding, "Message Structure").
const MAX_FIELD_NUMBER: u64 = (1 << 29) - 1;

/// Where in a message one has read to.
///
/// A reader over a nested message ([`Field::message`]) counts offsets from the start of the
/// outermost one, so that an error names a byte of what was received.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// What is left to read.
    rest: &'a [u8],
    /// Offset of `rest` in the outermost message.
    offset: usize,
}

/// A field and its value, as far as the wire tells: which type it stands for is the caller's
/// knowledge.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    number: u32,
    offset: usize,
    value: Value<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Value<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Delimited(Reader<'a>),
}

impl<'a> Reader<'a> {
    /// Begins at the start of a message.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            offset: 0,
        }
    }

    /// Begins at a part of a message that lies at `offset`.
    pub(super) const fn at(bytes: &'a [u8], offset: usize) -> Self {
        Self {
            rest: bytes,
            offset,
        }
    }

    /// What has not been read yet; of a fresh reader, the whole message.
    pub const fn bytes(&self) -> &'a [u8] {
        self.rest
    }

    /// Where it stands, in bytes from the start of the outermost message.
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// The next field, or nothing at the end. Groups, which no OTLP message has, are stepped over.
    ///
    /// # Errors
    /// When the bytes are not a field. The reader must not be used after an error.
    pub fn next_field(&mut self) -> Result<Option<Field<'a>>, BinaryError> {
        // How many groups are open: nesting is counted, not recursed into.
        let mut groups = 0_usize;
        loop {
            if self.rest.is_empty() {
                return match groups {
                    0 => Ok(None),
                    _ => Err(self.error(BinaryErrorKind::Group)),
                };
            }
            let offset = self.offset;
            let tag = self.varint()?;
            let number = tag >> 3;
            if number == 0 || number > MAX_FIELD_NUMBER {
                return Err(error_at(offset, BinaryErrorKind::FieldNumber));
            }
            let value = match (tag & 7) as u8 {
                0 => Value::Varint(self.varint()?),
                1 => Value::Fixed64(u64::from_le_bytes(self.array()?)),
                2 => Value::Delimited(self.delimited()?),
                3 => {
                    groups += 1;
                    continue;
                }
                4 => {
                    groups = groups
                        .checked_sub(1)
                        .ok_or(error_at(offset, BinaryErrorKind::Group))?;
                    continue;
                }
                5 => Value::Fixed32(u32::from_le_bytes(self.array()?)),
                other => return Err(error_at(offset, BinaryErrorKind::WireType(other))),
            };
            if groups == 0 {
                return Ok(Some(Field {
                    number: number as u32,
                    offset,
                    value,
                }));
            }
        }
    }

    /// The whole message as text; bytes that are not UTF-8 become U+FFFD and are marked.
    pub fn text(&self, kinds: &mut RepairSet) -> Cow<'static, str> {
        match core::str::from_utf8(self.rest) {
            Ok("") => Cow::Borrowed(""),
            Ok(text) => Cow::Owned(text.to_owned()),
            Err(_) => {
                kinds.insert(Repair::InvalidUtf8);
                Cow::Owned(String::from_utf8_lossy(self.rest).into_owned())
            }
        }
    }

    fn error(&self, kind: BinaryErrorKind) -> BinaryError {
        error_at(self.offset, kind)
    }

    fn varint(&mut self) -> Result<u64, BinaryError> {
        // Most tags and lengths are below 128.
        if let Some((&byte, rest)) = self.rest.split_first()
            && byte < 0x80
        {
            self.rest = rest;
            self.offset += 1;
            return Ok(u64::from(byte));
        }
        let mut number = 0;
        for (at, &byte) in self.rest.iter().take(10).enumerate() {
            if at == 9 && byte > 1 {
                break;
            }
            number |= u64::from(byte & 0x7f) << (7 * at);
            if byte < 0x80 {
                self.rest = &self.rest[at + 1..];
                self.offset += at + 1;
                return Ok(number);
            }
        }
        Err(self.error(if self.rest.len() < 10 {
            BinaryErrorKind::Truncated
        } else {
            BinaryErrorKind::VarintTooLong
        }))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], BinaryError> {
        let (bytes, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(self.error(BinaryErrorKind::Truncated))?;
        self.rest = rest;
        self.offset += N;
        Ok(*bytes)
    }

    fn delimited(&mut self) -> Result<Self, BinaryError> {
        let length = self.varint()?;
        let split = usize::try_from(length)
            .ok()
            .and_then(|length| self.rest.split_at_checked(length));
        let (bytes, rest) = split.ok_or(self.error(BinaryErrorKind::LengthBeyondEnd {
            length,
            left: self.rest.len(),
        }))?;
        let inner = Self {
            rest: bytes,
            offset: self.offset,
        };
        self.rest = rest;
        self.offset += bytes.len();
        Ok(inner)
    }
}

const fn error_at(offset: usize, kind: BinaryErrorKind) -> BinaryError {
    BinaryError { offset, kind }
}

impl<'a> Field<'a> {
    /// Its number in the message.
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// Where it begins, in bytes from the start of the outermost message.
    pub const fn offset(&self) -> usize {
        self.offset
    }

    fn not(&self, expected: &'static str) -> BinaryError {
        let field = self.number;
        error_at(self.offset, BinaryErrorKind::FieldType { field, expected })
    }

    /// The value of a `bool`, an enum or an integer; a signed one is `as i64`.
    ///
    /// # Errors
    /// When it has another wire type; so for all below.
    pub fn varint(&self) -> Result<u64, BinaryError> {
        match self.value {
            Value::Varint(number) => Ok(number),
            _ => Err(self.not("a varint")),
        }
    }

    /// The value of a `uint32`, held at its maximum.
    ///
    /// # Errors
    /// As [`Self::varint`].
    pub fn uint32(&self) -> Result<u32, BinaryError> {
        Ok(u32::try_from(self.varint()?).unwrap_or(u32::MAX))
    }

    /// The value of a `fixed64` or a `sfixed64`; a `double` is [`f64::from_bits`] of it.
    ///
    /// # Errors
    /// As [`Self::varint`].
    pub fn fixed64(&self) -> Result<u64, BinaryError> {
        match self.value {
            Value::Fixed64(number) => Ok(number),
            _ => Err(self.not("a fixed64")),
        }
    }

    /// The value of a `fixed32`.
    ///
    /// # Errors
    /// As [`Self::varint`].
    pub fn fixed32(&self) -> Result<u32, BinaryError> {
        match self.value {
            Value::Fixed32(number) => Ok(number),
            _ => Err(self.not("a fixed32")),
        }
    }

    /// A reader over a nested message.
    ///
    /// # Errors
    /// As [`Self::varint`].
    pub fn message(&self) -> Result<Reader<'a>, BinaryError> {
        match self.value {
            Value::Delimited(reader) => Ok(reader),
            _ => Err(self.not("length-delimited")),
        }
    }

    /// The value of `bytes`.
    ///
    /// # Errors
    /// As [`Self::varint`].
    pub fn bytes(&self) -> Result<&'a [u8], BinaryError> {
        Ok(self.message()?.bytes())
    }

    /// The value of a `string`; bytes that are not UTF-8 become U+FFFD and are marked.
    ///
    /// # Errors
    /// As [`Self::varint`].
    pub fn text(&self, kinds: &mut RepairSet) -> Result<Cow<'static, str>, BinaryError> {
        Ok(self.message()?.text(kinds))
    }
}
