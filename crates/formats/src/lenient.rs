//! Decodes numbers and enums of protobuf's JSON form leniently, in all forms that senders use.

use core::fmt;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde_json::value::RawValue;
use throughline_wire::UnixNanos;

/// An integer, written as a number or as a text. `null` and a missing field are zero.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Number(i128);

impl Number {
    /// Returns it as a count or as flags, clamped to 32 bits.
    pub(crate) fn count(self) -> u32 {
        u32::try_from(self.0.max(0)).unwrap_or(u32::MAX)
    }

    /// Returns it as an instant in ns, clamped to the valid range. Validation handles the clamped
    /// ends.
    pub(crate) fn instant(self) -> UnixNanos {
        let nanos = self.0.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
        UnixNanos::new(nanos as i64)
    }

    /// Returns it as an instant in ns. Returns zero, which means "no time", if it is out of range.
    pub(crate) fn instant_or_none(self) -> UnixNanos {
        i64::try_from(self.0).map_or(UnixNanos::default(), UnixNanos::new)
    }

    /// Returns the unchanged number.
    pub(crate) const fn whole(self) -> i128 {
        self.0
    }

    /// Returns it as the 64-bit integer of an attribute, or `None` if it is out of range.
    pub(crate) fn int(self) -> Option<i64> {
        i64::try_from(self.0).ok()
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberVisitor;

        impl Visitor<'_> for NumberVisitor {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, as a number or as text")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Number, E> {
                Ok(Number::default())
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Number, E> {
                Ok(Number(number.into()))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Number, E> {
                Ok(Number(number.into()))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Number, E> {
                // JavaScript writes integers beyond 2^53 in forms such as 1.7e18.
                if number.fract() == 0.0 && number.abs() < 1e30 {
                    Ok(Number(number as i128))
                } else {
                    Err(E::invalid_value(de::Unexpected::Float(number), &self))
                }
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
                if text.is_empty() {
                    return Ok(Number::default());
                }
                text.parse()
                    .map(Number)
                    .map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }

        deserializer.deserialize_any(NumberVisitor)
    }
}

/// An enum, written as its number or as its name.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) enum Enum {
    /// A missing field or `null`.
    #[default]
    Missing,
    /// Its number.
    Code(i64),
    /// Its name.
    Name(String),
}

impl Enum {
    /// Returns the number. The number of a name is its index in `names`, with or without `prefix`.
    /// An unknown name is 0.
    pub(crate) fn code(&self, prefix: &str, names: &[&str]) -> i64 {
        match self {
            Self::Missing => 0,
            Self::Code(code) => *code,
            Self::Name(name) => {
                let name = name.strip_prefix(prefix).unwrap_or(name);
                names
                    .iter()
                    .position(|known| known.eq_ignore_ascii_case(name))
                    .map_or_else(|| name.parse().unwrap_or(0), |at| at as i64)
            }
        }
    }
}

impl<'de> Deserialize<'de> for Enum {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EnumVisitor;

        impl Visitor<'_> for EnumVisitor {
            type Value = Enum;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an enum's number or name")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Enum, E> {
                Ok(Enum::Missing)
            }

            fn visit_i64<E: de::Error>(self, code: i64) -> Result<Enum, E> {
                Ok(Enum::Code(code))
            }

            fn visit_u64<E: de::Error>(self, code: u64) -> Result<Enum, E> {
                Ok(Enum::Code(i64::try_from(code).unwrap_or(0)))
            }

            fn visit_f64<E: de::Error>(self, code: f64) -> Result<Enum, E> {
                Ok(Enum::Code(code as i64))
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Enum, E> {
                Ok(Enum::Name(name.to_owned()))
            }
        }

        deserializer.deserialize_any(EnumVisitor)
    }
}

/// A text, written as a text, a number or a boolean. Other values and a missing field are empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Text(pub(crate) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // A number keeps the digits that were sent.
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = raw.get();
        match text.as_bytes().first() {
            Some(b'"') => serde_json::from_str(text)
                .map(Self)
                .map_err(de::Error::custom),
            Some(b't' | b'f' | b'-' | b'0'..=b'9') => Ok(Self(text.to_owned())),
            _ => Ok(Self::default()),
        }
    }
}
