//! Identifiers, written as lower-case hexadecimal on the wire and never zero where W3C forbids
//! zero.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The reason why a text or a byte string is not an identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdError {
    /// The length is wrong. Carries the expected length in hexadecimal characters, which is twice
    /// the expected number of bytes.
    Length(usize),
    /// A character is outside `0-9a-f`. Readers also accept upper case.
    NotHex,
    /// All bytes are zero, which W3C Trace Context 3.2.2.3 and 3.2.2.4 declare invalid.
    Zero,
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(characters) => write!(
                f,
                "has the wrong length: expected {characters} hexadecimal characters ({} bytes)",
                characters / 2
            ),
            Self::NotHex => f.write_str("contains a character that is not hexadecimal"),
            Self::Zero => f.write_str("is all zeros"),
        }
    }
}

impl core::error::Error for IdError {}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

fn parse_hex<const N: usize>(text: &str) -> Result<[u8; N], IdError> {
    let text = text.as_bytes();
    if text.len() != N * 2 {
        return Err(IdError::Length(N * 2));
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        let high = hex_digit(pair[0]).ok_or(IdError::NotHex)?;
        let low = hex_digit(pair[1]).ok_or(IdError::NotHex)?;
        *byte = high << 4 | low;
    }
    Ok(bytes)
}

fn write_hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 32];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    f.pad(core::str::from_utf8(&text[..bytes.len() * 2]).unwrap_or_default())
}

macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $len]);

        impl $name {
            /// Creates the identifier from its bytes on the wire (big-endian).
            ///
            /// # Errors
            /// [`IdError::Zero`] if all bytes are zero.
            pub fn from_bytes(bytes: [u8; $len]) -> Result<Self, IdError> {
                if bytes == [0; $len] { Err(IdError::Zero) } else { Ok(Self(bytes)) }
            }

            /// Creates the identifier from a byte string of any length, as protobuf carries it.
            ///
            /// # Errors
            /// [`IdError::Length`] or [`IdError::Zero`].
            pub fn from_slice(bytes: &[u8]) -> Result<Self, IdError> {
                Self::from_bytes(bytes.try_into().map_err(|_| IdError::Length($len * 2))?)
            }

            /// Returns the bytes as they are on the wire (big-endian).
            pub const fn to_bytes(self) -> [u8; $len] {
                self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::from_bytes(parse_hex(text)?)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(&self.0, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;

                impl de::Visitor<'_> for Visitor {
                    type Value = $name;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        write!(f, "{} hexadecimal characters", $len * 2)
                    }

                    fn visit_str<E: de::Error>(self, text: &str) -> Result<$name, E> {
                        text.parse().map_err(E::custom)
                    }
                }

                deserializer.deserialize_str(Visitor)
            }
        }
    };
}

hex_id! {
    /// The id of a trace: 16 bytes, not all zero; 32 hexadecimal characters on the wire (W3C Trace
    /// Context 3.2.2.3).
    ///
    /// ```
    /// use throughline_wire::TraceId;
    /// let id: TraceId = "4bf92f3577b34da6a3ce929d0e0e4736".parse()?;
    /// assert_eq!(id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
    /// # Ok::<(), throughline_wire::IdError>(())
    /// ```
    TraceId, 16
}

hex_id! {
    /// The id of a span within its trace: 8 bytes, not all zero; 16 hexadecimal characters on the
    /// wire (W3C Trace Context 3.2.2.4).
    SpanId, 8
}

hex_id! {
    /// The id of a process that numbers its spans: 8 random bytes, not all zero; 16 hexadecimal
    /// characters on the wire.
    ProcessId, 8
}

impl ProcessId {
    /// Returns the same 64 bits as a Postgres `bigint`.
    pub const fn to_i64(self) -> i64 {
        i64::from_be_bytes(self.0)
    }

    /// Creates the process id from a Postgres `bigint`.
    ///
    /// # Errors
    /// [`IdError::Zero`] if `bits` is zero.
    pub fn from_i64(bits: i64) -> Result<Self, IdError> {
        Self::from_bytes(bits.to_be_bytes())
    }
}

impl SpanId {
    /// Returns the same 64 bits as a Postgres `bigint`.
    pub const fn to_i64(self) -> i64 {
        i64::from_be_bytes(self.0)
    }

    /// Creates the span id from a Postgres `bigint`.
    ///
    /// # Errors
    /// [`IdError::Zero`] if `bits` is zero.
    pub fn from_i64(bits: i64) -> Result<Self, IdError> {
        Self::from_bytes(bits.to_be_bytes())
    }
}

/// The tenant that owns a row; every stored row has exactly one. 16 bytes, a `uuid` in Postgres.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TenantId([u8; 16]);

impl TenantId {
    /// The only tenant of an installation without tenants.
    pub const DEFAULT: Self = Self([0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, 1]);

    /// Creates the tenant id from the bytes of its UUID.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes of the UUID.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0
    }
}

/// A user session: the text of `session.id`, at most [`SessionId::MAX_CHARS`] characters.
///
/// The browser SDK of this project writes a UUID. Other SDKs may write any text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(String);

impl SessionId {
    /// The maximum length in characters; longer ids are cut.
    pub const MAX_CHARS: usize = 128;

    /// Creates the id from `text`, cut at [`Self::MAX_CHARS`]. Returns `None` for an empty text.
    pub fn new(text: &str) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        Some(Self(text.chars().take(Self::MAX_CHARS).collect()))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_trace_id_reads_back_from_its_text(bytes: [u8; 16]) {
            prop_assume!(bytes != [0; 16]);
            let id = TraceId::from_bytes(bytes).expect("not zero");
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            prop_assert_eq!(id.to_string().to_uppercase().parse(), Ok(id));
        }

        #[test]
        fn any_text_parses_as_an_id_or_fails(text in "\\PC{0,40}") {
            let _ = text.parse::<TraceId>();
            let _ = text.parse::<SpanId>();
        }

        #[test]
        fn a_span_id_keeps_its_bits_in_postgres(bits: i64) {
            prop_assume!(bits != 0);
            prop_assert_eq!(SpanId::from_i64(bits).map(SpanId::to_i64), Ok(bits));
        }
    }

    #[test]
    fn zero_wrong_length_and_non_hex_ids_have_different_errors() {
        assert_eq!("0000000000000000".parse::<SpanId>(), Err(IdError::Zero));
        assert_eq!("00".parse::<SpanId>(), Err(IdError::Length(16)));
        assert_eq!("000000000000000g".parse::<SpanId>(), Err(IdError::NotHex));
        assert_eq!(TraceId::from_slice(&[1; 15]), Err(IdError::Length(32)));
    }

    #[test]
    fn a_wrong_length_has_the_same_error_for_text_and_bytes() {
        let words = "has the wrong length: expected 16 hexadecimal characters (8 bytes)";
        for error in ["00".parse::<SpanId>(), SpanId::from_slice(&[1; 16])] {
            assert_eq!(error.expect_err("no id").to_string(), words);
        }
    }
}
