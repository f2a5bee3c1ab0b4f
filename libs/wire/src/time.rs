//! Instants as nanoseconds since the Unix epoch.

use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An instant: nanoseconds since 1970-01-01T00:00:00Z, in the years 1677 to 2262.
///
/// A `bigint` in Postgres. A decimal string in JSON, because the number exceeds 2^53; readers also
/// accept an integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnixNanos(i64);

impl UnixNanos {
    /// Nanoseconds in a millisecond.
    pub const PER_MILLI: i64 = 1_000_000;
    /// Nanoseconds in a second.
    pub const PER_SECOND: i64 = 1_000_000_000;
    /// Nanoseconds in a minute.
    pub const PER_MINUTE: i64 = 60 * Self::PER_SECOND;
    /// Nanoseconds in an hour.
    pub const PER_HOUR: i64 = 60 * Self::PER_MINUTE;
    /// Nanoseconds in a day.
    pub const PER_DAY: i64 = 24 * Self::PER_HOUR;

    /// Creates the instant `nanos` ns after the epoch.
    pub const fn new(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Creates the instant from an unsigned OTLP time; `None` after the year 2262.
    pub fn from_u64(nanos: u64) -> Option<Self> {
        i64::try_from(nanos).ok().map(Self)
    }

    /// Returns the nanoseconds since the epoch.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// Returns the instant `nanos` ns later, clamped to the range of the type.
    #[must_use]
    pub const fn saturating_add(self, nanos: i64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// Returns the nanoseconds from `earlier` to this instant, clamped to the range of `i64`.
    /// Negative if `earlier` is later.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for UnixNanos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for UnixNanos {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for UnixNanos {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl de::Visitor<'_> for Visitor {
            type Value = UnixNanos;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("nanoseconds since the Unix epoch, as a decimal string or an integer")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<UnixNanos, E> {
                text.parse()
                    .map(UnixNanos)
                    .map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
            }

            fn visit_i64<E: de::Error>(self, nanos: i64) -> Result<UnixNanos, E> {
                Ok(UnixNanos(nanos))
            }

            fn visit_u64<E: de::Error>(self, nanos: u64) -> Result<UnixNanos, E> {
                UnixNanos::from_u64(nanos)
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(nanos), &self))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_times_are_written_as_strings_and_read_in_both_forms() {
        let instant = UnixNanos::new(1_700_000_000_123_456_789);
        let json = serde_json::to_string(&instant).expect("serialises");
        assert_eq!(json, "\"1700000000123456789\"");
        assert_eq!(
            serde_json::from_str::<UnixNanos>(&json).expect("string"),
            instant
        );
        assert_eq!(
            serde_json::from_str::<UnixNanos>("1700000000123456789").expect("integer"),
            instant
        );
        assert!(serde_json::from_str::<UnixNanos>("18446744073709551615").is_err());
        assert!(serde_json::from_str::<UnixNanos>("\"soon\"").is_err());
    }
}
