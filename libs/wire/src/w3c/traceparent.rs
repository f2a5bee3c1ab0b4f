//! The `traceparent` header: the trace of a request and the span that sent it.

use core::fmt;
use core::str::FromStr;

use super::is_ows;
use crate::{IdError, SpanId, TraceId};

/// The flags of a `traceparent` (Trace Context level 2, 3.2.2.5). Bits that level 2 does not define
/// are cleared, as it requires before the header is passed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct TraceFlags(u8);

impl TraceFlags {
    /// No flag is set.
    pub const NONE: Self = Self(0);
    /// The caller may have recorded its span.
    pub const SAMPLED: Self = Self(1);
    /// The last 7 bytes of the trace id are random.
    pub const RANDOM: Self = Self(2);

    /// Keeps the defined flags of `bits` and clears the others.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & 3)
    }

    /// Returns the flags as a number.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// Returns true if [`Self::SAMPLED`] is set.
    pub const fn is_sampled(self) -> bool {
        self.0 & 1 != 0
    }

    /// Returns true if [`Self::RANDOM`] is set.
    pub const fn is_random(self) -> bool {
        self.0 & 2 != 0
    }

    /// Returns the flags with [`Self::SAMPLED`] set to `sampled`.
    #[must_use]
    pub const fn with_sampled(self, sampled: bool) -> Self {
        Self(self.0 & 2 | sampled as u8)
    }
}

impl core::ops::BitOr for TraceFlags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// The value of `traceparent`, written in version 00 with 55 characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceParent {
    /// The trace.
    pub trace_id: TraceId,
    /// The span that sent the header: the parent of the span that the receiver starts.
    pub parent_id: SpanId,
    /// The flags of the trace.
    pub flags: TraceFlags,
}

/// The reason why a text is not a `traceparent`. The receiver then starts a new trace and ignores
/// `tracestate`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TraceParentError {
    /// The text does not have the form `vv-tttt-pppp-ff`, or is longer than its version allows.
    Format,
    /// The version is ff, which is forbidden.
    Version,
    /// A digit is not one of `0-9a-f`; upper case is forbidden.
    NotLowerHex,
    /// The trace id is zero.
    TraceId(IdError),
    /// The parent id is zero.
    ParentId(IdError),
    /// The header occurs more than once.
    Repeated,
}

impl fmt::Display for TraceParentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Format => f.write_str("is not of the form 00-<32 hex>-<16 hex>-<2 hex>"),
            Self::Version => f.write_str("has the forbidden version ff"),
            Self::NotLowerHex => f.write_str("contains a digit that is not lower-case hexadecimal"),
            Self::TraceId(error) => write!(f, "trace id {error}"),
            Self::ParentId(error) => write!(f, "parent id {error}"),
            Self::Repeated => f.write_str("occurs more than once"),
        }
    }
}

impl core::error::Error for TraceParentError {}

impl TraceParent {
    /// The length of version 00, in characters.
    const LENGTH: usize = 55;

    /// Reads the value of the header. Version 00 must match exactly. From a later version, only the
    /// fields of version 00 are read (level 2, 3.2.4 "Versioning of traceparent").
    ///
    /// # Errors
    /// See [`TraceParentError`].
    pub fn parse(header: &str) -> Result<Self, TraceParentError> {
        let text = header.trim_matches(is_ows).as_bytes();
        let (known, future) = text
            .split_at_checked(Self::LENGTH)
            .ok_or(TraceParentError::Format)?;
        let [v1, v2, b'-', rest @ ..] = known else {
            return Err(TraceParentError::Format);
        };
        let (trace_id, rest) = rest.split_at(32);
        let [b'-', rest @ ..] = rest else {
            return Err(TraceParentError::Format);
        };
        let (parent_id, rest) = rest.split_at(16);
        let &[b'-', f1, f2] = rest else {
            return Err(TraceParentError::Format);
        };
        let version = byte(*v1, *v2)?;
        if version == 0xff {
            return Err(TraceParentError::Version);
        }
        let may_follow = future.is_empty() || version > 0 && future[0] == b'-';
        if !may_follow {
            return Err(TraceParentError::Format);
        }
        Ok(Self {
            trace_id: TraceId::from_bytes(bytes(trace_id)?).map_err(TraceParentError::TraceId)?,
            parent_id: SpanId::from_bytes(bytes(parent_id)?).map_err(TraceParentError::ParentId)?,
            flags: TraceFlags::from_bits(byte(f1, f2)?),
        })
    }

    /// Reads all values of the header; `None` if there is no value. More than one value is an
    /// error, because there is no way to tell which one is right.
    ///
    /// # Errors
    /// See [`TraceParentError`].
    pub fn from_headers<'a>(
        headers: impl IntoIterator<Item = &'a str>,
    ) -> Result<Option<Self>, TraceParentError> {
        let mut headers = headers.into_iter();
        let Some(header) = headers.next() else {
            return Ok(None);
        };
        match headers.next() {
            Some(_) => Err(TraceParentError::Repeated),
            None => Self::parse(header).map(Some),
        }
    }
}

fn digit(character: u8) -> Result<u8, TraceParentError> {
    match character {
        b'0'..=b'9' => Ok(character - b'0'),
        b'a'..=b'f' => Ok(character - b'a' + 10),
        _ => Err(TraceParentError::NotLowerHex),
    }
}

fn byte(high: u8, low: u8) -> Result<u8, TraceParentError> {
    Ok(digit(high)? << 4 | digit(low)?)
}

fn bytes<const N: usize>(hex: &[u8]) -> Result<[u8; N], TraceParentError> {
    let mut bytes = [0; N];
    for (to, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
        *to = byte(pair[0], pair[1])?;
    }
    Ok(bytes)
}

impl FromStr for TraceParent {
    type Err = TraceParentError;

    fn from_str(header: &str) -> Result<Self, TraceParentError> {
        Self::parse(header)
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = self.flags.bits();
        write!(f, "00-{}-{}-{flags:02x}", self.trace_id, self.parent_id)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_traceparent_reads_back_from_its_text(
            trace_id: [u8; 16],
            parent_id: [u8; 8],
            flags: u8,
        ) {
            let (Ok(trace_id), Ok(parent_id)) =
                (TraceId::from_bytes(trace_id), SpanId::from_bytes(parent_id))
            else {
                return Ok(());
            };
            let parent = TraceParent { trace_id, parent_id, flags: TraceFlags::from_bits(flags) };
            let text = parent.to_string();
            prop_assert_eq!(text.len(), TraceParent::LENGTH);
            prop_assert_eq!(text.parse(), Ok(parent));
        }

        #[test]
        fn any_text_parses_as_a_traceparent_or_fails(text: String) {
            let _ = TraceParent::parse(&text);
        }

        #[test]
        fn a_parsed_traceparent_is_written_unchanged_except_for_the_version(
            text in "(00|cc|0[0-9a-fA-F])-[0-9a-f]{31}[0-9a-fA-F]-[0-9a-f]{16}-0[0-3](-x|x|)",
        ) {
            if let Ok(parent) = TraceParent::parse(&text) {
                prop_assert_eq!(&parent.to_string()[2..], &text[2..55]);
            }
        }
    }

    #[test]
    fn each_error_has_its_own_variant() {
        use TraceParentError::{Format, NotLowerHex, ParentId, TraceId, Version};
        for (header, error) in [
            ("", Format),
            (
                "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                Format,
            ),
            (
                "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                Version,
            ),
            (
                "00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                NotLowerHex,
            ),
            (
                "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                TraceId(IdError::Zero),
            ),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                ParentId(IdError::Zero),
            ),
            (
                "00-4bf92f3577b34da6a3ce929d0e0e473ö-0f067aa0ba902b7é-01",
                Format,
            ),
        ] {
            assert_eq!(TraceParent::parse(header), Err(error), "{header}");
        }
    }

    #[test]
    fn flags_that_level_2_does_not_define_are_cleared() {
        let parent = TraceParent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-ff")
            .expect("valid");
        assert_eq!(parent.flags, TraceFlags::SAMPLED | TraceFlags::RANDOM);
        assert_eq!(parent.flags.with_sampled(false), TraceFlags::RANDOM);
        assert!(parent.to_string().ends_with("-03"));
    }
}
