//! Which traces a list and its statistics are about, and how a URL says so.

use serde::{Deserialize, Serialize};
use throughline_wire::UnixNanos;

use crate::{TimeRange, Utc};

/// Which traces are wanted; every condition must hold.
///
/// In a URL: `range`, `service`, `operation`, `status`, `min_duration`, `user`, `session`; a
/// condition that is absent is not written. Reading takes `from` and `to` (UTC, such as
/// `2026-11-21T14:00`) in place of `range` as well.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct TraceFilter {
    /// When the trace began.
    pub range: TimeRange,
    /// A service that took part, by its exact name.
    pub service: Option<String>,
    /// Text within the name of the root operation, upper and lower case alike.
    pub operation: Option<String>,
    /// How the trace ended.
    pub status: Option<StatusFilter>,
    /// The trace took at least so many ns.
    pub min_duration_ns: Option<i64>,
    /// The user, exactly.
    pub user: Option<String>,
    /// The session, exactly.
    pub session: Option<String>,
}

/// How a trace ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusFilter {
    /// No span of it failed.
    Ok,
    /// At least one span of it failed.
    Error,
}

impl StatusFilter {
    /// The word in a URL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
        }
    }
}

impl TraceFilter {
    /// The names a URL may use.
    pub const KEYS: [&'static str; 9] = [
        "range",
        "from",
        "to",
        "service",
        "operation",
        "status",
        "min_duration",
        "user",
        "session",
    ];

    /// Reads the conditions among the decoded pairs of a query string; pairs of other names are
    /// left to others, empty values are no condition (what an untouched form field sends), and of
    /// a repeated name the last one counts.
    ///
    /// # Errors
    /// A sentence for people that names the parameter and what it takes.
    pub fn from_query<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, String> {
        let mut filter = Self::default();
        let (mut from, mut to) = (None, None);
        for (key, value) in pairs {
            let value = value.trim();
            if value.is_empty() {
                continue;
            }
            match key {
                "range" => filter.range = value.parse()?,
                "from" => from = Some(parse_instant(key, value)?),
                "to" => to = Some(parse_instant(key, value)?),
                "service" => filter.service = Some(value.to_owned()),
                "operation" => filter.operation = Some(value.to_owned()),
                "status" => {
                    filter.status = Some(match value {
                        "ok" => StatusFilter::Ok,
                        "error" => StatusFilter::Error,
                        _ => return Err(format!("status {value:?} is neither ok nor error")),
                    });
                }
                "min_duration" => filter.min_duration_ns = Some(parse_duration_ns(value)?),
                "user" => filter.user = Some(value.to_owned()),
                "session" => filter.session = Some(value.to_owned()),
                _ => {}
            }
        }
        match (from, to) {
            (None, None) => {}
            (Some(from), Some(to)) if from < to => filter.range = TimeRange::Between(from, to),
            (Some(_), Some(_)) => return Err("from must be earlier than to".to_owned()),
            (Some(_), None) => return Err("from is given, but to is missing".to_owned()),
            (None, Some(_)) => return Err("to is given, but from is missing".to_owned()),
        }
        Ok(filter)
    }

    /// The pairs [`Self::from_query`] reads, not yet percent-encoded; the default range is left
    /// out.
    pub fn to_query(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        if self.range != TimeRange::default() {
            pairs.push(("range", self.range.to_string()));
        }
        let texts = [
            ("service", self.service.clone()),
            ("operation", self.operation.clone()),
            (
                "status",
                self.status.map(|status| status.as_str().to_owned()),
            ),
            ("min_duration", self.min_duration_ns.map(format_duration_ns)),
            ("user", self.user.clone()),
            ("session", self.session.clone()),
        ];
        pairs.extend(
            texts
                .into_iter()
                .filter_map(|(key, text)| text.map(|text| (key, text))),
        );
        pairs
    }

    /// Whether anything but the time range is asked for.
    pub fn is_narrowed(&self) -> bool {
        *self
            != Self {
                range: self.range,
                ..Self::default()
            }
    }
}

fn parse_instant(key: &str, text: &str) -> Result<UnixNanos, String> {
    Utc::parse(text)
        .ok_or_else(|| format!("{key} {text:?} is not a UTC time such as 2026-11-21T14:00"))
}

const UNITS: [(&str, i64); 6] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", UnixNanos::PER_MILLI),
    ("s", UnixNanos::PER_SECOND),
    ("m", UnixNanos::PER_MINUTE),
    ("h", UnixNanos::PER_HOUR),
];

/// Reads a length such as `500ms`, `1.5s`, `2 m`; a bare number is milliseconds.
///
/// # Errors
/// A sentence for people that says what is accepted.
pub fn parse_duration_ns(text: &str) -> Result<i64, String> {
    let wrong = || format!("duration {text:?} is not a number with a unit such as 500ms or 1.5s");
    let unit_at = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let unit = match unit.trim() {
        "" => "ms",
        "µs" | "μs" => "us",
        unit => unit,
    };
    let (_, unit_ns) = UNITS
        .iter()
        .find(|(name, _)| *name == unit)
        .ok_or_else(wrong)?;
    if let Ok(whole) = number.parse::<i64>() {
        return whole.checked_mul(*unit_ns).ok_or_else(wrong);
    }
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let ns = number * *unit_ns as f64;
    if ns.is_finite() && ns < i64::MAX as f64 {
        Ok(ns.round() as i64)
    } else {
        Err(wrong())
    }
}

/// Writes a length in its largest whole unit, exactly: `500ms`, `1500ms`, `2s`.
pub fn format_duration_ns(ns: i64) -> String {
    let (unit, unit_ns) = UNITS
        .iter()
        .rev()
        .find(|(_, unit_ns)| ns >= *unit_ns && ns % unit_ns == 0)
        .unwrap_or(&UNITS[0]);
    format!("{}{unit}", ns / unit_ns)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text() -> impl Strategy<Value = Option<String>> {
        prop::option::of("[^\\s][\\PC]{0,10}[^\\s]")
    }

    proptest! {
        #[test]
        fn a_filter_reads_back_from_its_query(
            service in text(),
            operation in text(),
            user in text(),
            session in text(),
            status in prop::option::of(prop_oneof![Just(StatusFilter::Ok), Just(StatusFilter::Error)]),
            min_duration_ns in prop::option::of(0..i64::MAX),
            minutes in 1_i64..100_000,
        ) {
            let range = TimeRange::Last(minutes * UnixNanos::PER_MINUTE);
            let filter =
                TraceFilter { range, service, operation, status, min_duration_ns, user, session };
            let pairs = filter.to_query();
            let read = TraceFilter::from_query(pairs.iter().map(|(k, v)| (*k, v.as_str())));
            prop_assert_eq!(read, Ok(filter));
        }

        #[test]
        fn any_duration_text_is_read_or_refused(text in "\\PC{0,16}") {
            let _ = parse_duration_ns(&text);
        }
    }

    #[test]
    fn from_and_to_make_a_fixed_range() {
        let read = |pairs: &[(&'static str, &'static str)]| {
            TraceFilter::from_query(pairs.iter().copied()).map(|filter| filter.range)
        };
        let (from, to) = (("from", "2026-11-21T14:00"), ("to", "2026-11-21T15:00"));
        let hour = TimeRange::Between(
            UnixNanos::new(1_795_269_600_000_000_000),
            UnixNanos::new(1_795_273_200_000_000_000),
        );
        assert_eq!(read(&[from, to, ("range", "7d")]), Ok(hour));
        for wrong in [
            &[from][..],
            &[to],
            &[("from", to.1), ("to", from.1)],
            &[("from", "now"), to],
        ] {
            let message = read(wrong).expect_err("refused");
            assert!(
                message.contains("from") || message.contains("to"),
                "{message}"
            );
        }
    }

    #[test]
    fn durations_take_units_and_fractions() {
        assert_eq!(parse_duration_ns("500ms"), Ok(500_000_000));
        assert_eq!(parse_duration_ns("1.5s"), Ok(1_500_000_000));
        assert_eq!(parse_duration_ns("250"), Ok(250_000_000));
        assert_eq!(parse_duration_ns("10 µs"), Ok(10_000));
        for text in ["", "fast", "-1s", "1y", "1e400s", "99999999999h", "1.2.3s"] {
            assert!(parse_duration_ns(text).is_err(), "{text:?}");
        }
    }
}
