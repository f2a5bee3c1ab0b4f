//! A cursor over the fields of a protobuf message; it borrows, and never allocates or recurses.
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
//!         _ => {} // The reader has already skipped the unknown field.
//!     }
//! }
//! # Ok::<(), throughline_codec::binary::BinaryError>(())
//! ```

use std::borrow::Cow;

use throughline_wire::{Repair, RepairSet};

use super::{BinaryError, BinaryErrorKind};

/// The largest field number (protobuf encoding, "Message Structure").
const MAX_FIELD_NUMBER: u64 = (1 << 29) - 1;

/// A cursor in a message.
///
/// A reader of a nested message ([`Field::message`]) counts offsets from the start of the outermost
/// message, so that an error names a byte of the received body.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// The bytes left to read.
    rest: &'a [u8],
    /// The offset of `rest` in the outermost message.
    offset: usize,
}

/// A field with its number and its undecoded value. The wire has no exact type: the caller must
/// know which type the field has.
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
    /// Creates a reader at the start of a message.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            offset: 0,
        }
    }

    /// Creates a reader of a part of a message that starts at `offset`.
    pub(super) const fn at(bytes: &'a [u8], offset: usize) -> Self {
        Self {
            rest: bytes,
            offset,
        }
    }

    /// Returns the unread bytes; the whole message if nothing was read.
    pub const fn bytes(&self) -> &'a [u8] {
        self.rest
    }

    /// Returns the position, in bytes from the start of the outermost message.
    pub const fn offset(&self) -> usize {
        self.offset
    }

    /// Returns the next field, or `None` at the end. Skips groups, because no OTLP message has any.
    ///
    /// # Errors
    /// Fails if the bytes are not a field. Do not use the reader after an error.
    pub fn next_field(&mut self) -> Result<Option<Field<'a>>, BinaryError> {
        // The number of open groups: a counter instead of recursion, so that deep nesting cannot
        // overflow the stack.
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

    /// Returns the whole message as text. Replaces bytes that are not UTF-8 by U+FFFD and records
    /// the repair.
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
        // A fast path: most tags and lengths are below 128.
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
    /// Returns the number of the field in its message.
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// Returns the start of the field, in bytes from the start of the outermost message.
    pub const fn offset(&self) -> usize {
        self.offset
    }

    fn not(&self, expected: &'static str) -> BinaryError {
        let field = self.number;
        error_at(self.offset, BinaryErrorKind::FieldType { field, expected })
    }

    /// Returns the value of a `bool`, an enum or an integer; cast a signed one with `as i64`.
    ///
    /// # Errors
    /// Fails if the field has another wire type.
    pub fn varint(&self) -> Result<u64, BinaryError> {
        match self.value {
            Value::Varint(number) => Ok(number),
            _ => Err(self.not("a varint")),
        }
    }

    /// Returns the value of a `uint32`; a larger number becomes the maximum.
    ///
    /// # Errors
    /// Fails like [`Self::varint`].
    pub fn uint32(&self) -> Result<u32, BinaryError> {
        Ok(u32::try_from(self.varint()?).unwrap_or(u32::MAX))
    }

    /// Returns the value of a `fixed64` or an `sfixed64`. Convert a `double` with
    /// [`f64::from_bits`].
    ///
    /// # Errors
    /// Fails like [`Self::varint`].
    pub fn fixed64(&self) -> Result<u64, BinaryError> {
        match self.value {
            Value::Fixed64(number) => Ok(number),
            _ => Err(self.not("a fixed64")),
        }
    }

    /// Returns the value of a `fixed32`.
    ///
    /// # Errors
    /// Fails like [`Self::varint`].
    pub fn fixed32(&self) -> Result<u32, BinaryError> {
        match self.value {
            Value::Fixed32(number) => Ok(number),
            _ => Err(self.not("a fixed32")),
        }
    }

    /// Returns a reader of a nested message.
    ///
    /// # Errors
    /// Fails like [`Self::varint`].
    pub fn message(&self) -> Result<Reader<'a>, BinaryError> {
        match self.value {
            Value::Delimited(reader) => Ok(reader),
            _ => Err(self.not("length-delimited")),
        }
    }

    /// Returns the value of a `bytes` field.
    ///
    /// # Errors
    /// Fails like [`Self::varint`].
    pub fn bytes(&self) -> Result<&'a [u8], BinaryError> {
        Ok(self.message()?.bytes())
    }

    /// Returns the value of a `string`. Replaces bytes that are not UTF-8 by U+FFFD and records the
    /// repair.
    ///
    /// # Errors
    /// Fails like [`Self::varint`].
    pub fn text(&self, kinds: &mut RepairSet) -> Result<Cow<'static, str>, BinaryError> {
        Ok(self.message()?.text(kinds))
    }
}
