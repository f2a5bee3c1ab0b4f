//! The error of the protobuf decoder, with its position.

use core::fmt;

use throughline_wire::IdError;

/// An error at a byte of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BinaryError {
    /// The position, in bytes from the start of the outermost message.
    pub offset: usize,
    /// The kind of error.
    pub kind: BinaryErrorKind,
}

/// The kind of an error in protobuf bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BinaryErrorKind {
    /// The bytes end within a number.
    Truncated,
    /// A length-delimited field is longer than the remaining bytes.
    LengthBeyondEnd {
        /// The length of the field.
        length: u64,
        /// The number of remaining bytes.
        left: usize,
    },
    /// A varint has more than 64 bits.
    VarintTooLong,
    /// A field number is zero or has more than 29 bits.
    FieldNumber,
    /// Protobuf does not define this wire type.
    WireType(u8),
    /// A group ends without a start, or starts without an end.
    Group,
    /// A field does not have the wire type that its message defines.
    FieldType {
        /// The number of the field.
        field: u32,
        /// The expected type.
        expected: &'static str,
    },
    /// An id is invalid.
    Id {
        /// The name of the field: `trace_id`, `span_id`.
        field: &'static str,
        /// The reason why the id is invalid.
        error: IdError,
    },
}

impl fmt::Display for BinaryErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the message ends within a number"),
            Self::LengthBeyondEnd { length, left } => {
                write!(f, "a field of {length} bytes where {left} are left")
            }
            Self::VarintTooLong => f.write_str("a varint of more than 64 bits"),
            Self::FieldNumber => f.write_str("a field number that protobuf does not allow"),
            Self::WireType(number) => write!(f, "wire type {number} does not exist"),
            Self::Group => f.write_str("a group without its beginning or end"),
            Self::FieldType { field, expected } => write!(f, "field {field} is not {expected}"),
            Self::Id { field, error } => write!(f, "{field} {error}"),
        }
    }
}

impl fmt::Display for BinaryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at byte {}: {}", self.offset, self.kind)
    }
}

impl core::error::Error for BinaryError {}
