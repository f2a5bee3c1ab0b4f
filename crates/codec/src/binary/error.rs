//! Why bytes are not the message they should be, and where.

use core::fmt;

use throughline_wire::IdError;

/// What is wrong at which byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BinaryError {
    /// Where, in bytes from the start of the outermost message.
    pub offset: usize,
    /// What is wrong there.
    pub kind: BinaryErrorKind,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BinaryErrorKind {
    /// The bytes end within a number.
    Truncated,
    /// A length-delimited field is longer than what is left.
    LengthBeyondEnd {
        /// The length announced.
        length: u64,
        /// The bytes left.
        left: usize,
    },
    /// A varint of more than 64 bits.
    VarintTooLong,
    /// A field number of zero, or of more than 29 bits.
    FieldNumber,
    /// A wire type protobuf does not define.
    WireType(u8),
    /// A group ends that did not begin, or begins and does not end.
    Group,
    /// A field has another wire type than its message says.
    FieldType {
        /// Its number.
        field: u32,
        /// What was expected there.
        expected: &'static str,
    },
    /// An id that is none.
    Id {
        /// Its name: `trace_id`, `span_id`.
        field: &'static str,
        /// What is wrong with it.
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
