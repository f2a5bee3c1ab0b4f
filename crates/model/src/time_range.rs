//! The time range of a view.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};
use throughline_wire::UnixNanos;

use crate::Utc;
use crate::query::{Parameters, quoted};

/// A time range, either relative to now or fixed. A link with a relative range stays current.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TimeRange {
    /// The time from this many ns ago until now.
    Last(i64),
    /// The time from the first instant (inclusive) to the second (exclusive).
    Between(UnixNanos, UnixNanos),
}

impl Default for TimeRange {
    /// Returns the last hour.
    fn default() -> Self {
        Self::Last(UnixNanos::PER_HOUR)
    }
}

impl TimeRange {
    /// Reads `range`, or the instants `from` and `to` in UTC, which replace it. Returns `None` if
    /// none of them is given.
    pub(crate) fn decode(parameters: &mut Parameters<'_>) -> Option<Self> {
        let range = parameters.parsed("range", str::parse);
        let from = parameters.parsed("from", parse_instant);
        let to = parameters.parsed("to", parse_instant);
        match (parameters.has("from"), parameters.has("to")) {
            (false, false) => return range,
            (true, false) => parameters.fault("to", "is missing, but from is given"),
            (false, true) => parameters.fault("from", "is missing, but to is given"),
            (true, true) => {}
        }
        let (from, to) = (from?, to?);
        if from >= to {
            parameters.fault("from", "must be earlier than to");
            return None;
        }
        Some(Self::Between(from, to))
    }

    /// Returns the first instant (inclusive) and the last (exclusive), as of `now`.
    pub fn bounds(self, now: UnixNanos) -> (UnixNanos, UnixNanos) {
        match self {
            // The clocks of clients may run slightly ahead. Spans that they have just sent must be
            // in range.
            Self::Last(span_ns) => (
                now.saturating_add(-span_ns),
                now.saturating_add(UnixNanos::PER_MINUTE),
            ),
            Self::Between(from, to) => (from, to),
        }
    }
}

/// Formats a relative length in its largest whole unit: `30m`, `6h`, `7d`, `45s`.
impl fmt::Display for TimeRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Last(ns) => {
                for (unit_ns, unit) in [
                    (UnixNanos::PER_DAY, 'd'),
                    (UnixNanos::PER_HOUR, 'h'),
                    (UnixNanos::PER_MINUTE, 'm'),
                ] {
                    if ns >= unit_ns && ns % unit_ns == 0 {
                        return write!(f, "{}{unit}", ns / unit_ns);
                    }
                }
                write!(f, "{}s", ns / UnixNanos::PER_SECOND)
            }
            Self::Between(from, to) => write!(f, "{from}..{to}"),
        }
    }
}

/// Parses the text that [`Display`](fmt::Display) writes.
impl FromStr for TimeRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "{} is neither a length such as 30m, 6h or 7d nor FROM..TO in ns",
                quoted(text)
            )
        };
        if let Some((from, to)) = text.split_once("..") {
            let from = from.parse().map(UnixNanos::new).map_err(|_| wrong())?;
            let to = to.parse().map(UnixNanos::new).map_err(|_| wrong())?;
            return if from < to {
                Ok(Self::Between(from, to))
            } else {
                Err(format!("{} ends before it begins", quoted(text)))
            };
        }
        let unit_at = text.char_indices().last().map_or(0, |(at, _)| at);
        let (number, unit) = text.split_at(unit_at);
        let unit_ns = match unit {
            "s" => UnixNanos::PER_SECOND,
            "m" => UnixNanos::PER_MINUTE,
            "h" => UnixNanos::PER_HOUR,
            "d" => UnixNanos::PER_DAY,
            _ => return Err(wrong()),
        };
        let number: i64 = number.parse().map_err(|_| wrong())?;
        match number.checked_mul(unit_ns) {
            Some(ns) if ns > 0 => Ok(Self::Last(ns)),
            _ => Err(wrong()),
        }
    }
}

fn parse_instant(text: &str) -> Result<UnixNanos, String> {
    Utc::parse(text).ok_or_else(|| {
        let text = quoted(text);
        format!("{text} is not a UTC time such as 2026-11-21T14:00")
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_relative_range_reads_back(seconds in 1_i64..10_000_000) {
            let range = TimeRange::Last(seconds * UnixNanos::PER_SECOND);
            prop_assert_eq!(range.to_string().parse(), Ok(range));
        }

        #[test]
        fn a_fixed_range_reads_back(from in 0_i64..i64::MAX / 2, length in 1_i64..i64::MAX / 2) {
            let range = TimeRange::Between(UnixNanos::new(from), UnixNanos::new(from + length));
            prop_assert_eq!(range.to_string().parse(), Ok(range));
        }

        #[test]
        fn any_text_is_a_range_or_an_error(text in "\\PC{0,24}") {
            let _ = text.parse::<TimeRange>();
        }
    }

    #[test]
    fn what_cannot_be_a_range_is_refused() {
        for text in [
            "",
            "m",
            "0m",
            "-5m",
            "5",
            "5y",
            "9999999999999d",
            "5..1",
            "1..x",
            "é",
        ] {
            assert!(text.parse::<TimeRange>().is_err(), "{text:?}");
        }
    }
}
