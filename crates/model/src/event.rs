//! Log records and domain events as lists show them, and the filter that selects them.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};
use throughline_wire::{LogRecord, SpanId, TraceId, UnixNanos};

use crate::page::{decode_limit, decode_position};
use crate::query::{Parameters, quoted};
use crate::{Direction, PageRequest, PayloadRef, TimeRange, ids};

/// A stored event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredEvent {
    /// The record as it was sent. A large value is a preview, see [`StoredEvent::payloads`].
    #[serde(flatten)]
    pub record: LogRecord,
    /// The service that sent it.
    pub service: String,
    /// The time at which the server committed it.
    #[serde(rename = "received_ns")]
    pub received: UnixNanos,
    /// The position in the list.
    pub cursor: EventCursor,
    /// References to its offloaded payloads.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub payloads: Vec<PayloadRef>,
}

/// A position in the list of events. The list is ordered by time, newest first, then by a hash of
/// the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventCursor {
    /// The time of the event at this position.
    pub at: UnixNanos,
    /// A hash of the content. It orders events of the same instant.
    pub digest: i64,
}

/// Formats the cursor for a URL: `<time in ns>-<digest, 16 hex characters>`.
impl fmt::Display for EventCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:016x}", self.at, self.digest)
    }
}

impl FromStr for EventCursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            let text = quoted(text);
            format!("{text} is not a cursor <time in ns>-<16 hex characters>")
        };
        let (at, digest) = text.rsplit_once('-').ok_or_else(wrong)?;
        Ok(Self {
            at: at.parse().map(UnixNanos::new).map_err(|_| wrong())?,
            digest: u64::from_str_radix(digest, 16).map_err(|_| wrong())? as i64,
        })
    }
}

impl Serialize for EventCursor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for EventCursor {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A request for one page of a list of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventPageRequest {
    /// The maximum number of rows, 1 to [`PageRequest::MAX_LIMIT`].
    pub limit: u32,
    /// The position the page starts from; `None` for the first page.
    pub from: Option<(Direction, EventCursor)>,
}

impl EventPageRequest {
    /// Reads `limit` and one of `after` and `before`.
    pub fn decode(parameters: &mut Parameters<'_>) -> Self {
        let limit = decode_limit(parameters, PageRequest::MAX_LIMIT);
        Self {
            limit: limit.unwrap_or(PageRequest::DEFAULT_LIMIT),
            from: decode_position(parameters),
        }
    }
}

impl Default for EventPageRequest {
    fn default() -> Self {
        Self {
            limit: PageRequest::DEFAULT_LIMIT,
            from: None,
        }
    }
}

/// One page of events.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct EventPage {
    /// The events, newest first in either direction of paging.
    pub items: Vec<StoredEvent>,
    /// The cursor of the next (older) page; `None` on the last page.
    pub after: Option<EventCursor>,
    /// The cursor of the previous (newer) page; `None` on the first page.
    pub before: Option<EventCursor>,
    /// The time of the last event that a text search looked at, if it stopped before the end. The
    /// next page continues from there.
    #[serde(
        rename = "searched_to_ns",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub searched_to: Option<UnixNanos>,
}

/// A filter for events. All its conditions must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EventFilter {
    /// The time range; `None` for all time, which suits a trace, a session or a correlation.
    pub range: Option<TimeRange>,
    /// The minimum severity (1 to 24). 0 selects all events, including those without a severity.
    pub min_severity: u8,
    /// The exact name of the service.
    pub service: Option<String>,
    /// The exact name of the event.
    pub name: Option<String>,
    /// A text that the message contains; a body that is not a text is searched as JSON. Case is ignored,
    /// see [`fold_case`](crate::fold_case).
    pub text: Option<String>,
    /// The trace.
    pub trace: Option<TraceId>,
    /// True to select only events without a trace.
    pub without_trace: bool,
    /// The span. It is valid only together with its trace, because no index covers span ids alone.
    pub span: Option<SpanId>,
    /// The exact session id.
    pub session: Option<String>,
    /// The exact correlation id.
    pub correlation: Option<String>,
}

impl EventFilter {
    /// The names of the query parameters.
    pub const KEYS: [&'static str; 11] = [
        "range",
        "from",
        "to",
        "severity",
        "service",
        "name",
        "text",
        "trace",
        "span",
        "session",
        "correlation",
    ];

    /// Selects the events of a trace.
    pub fn of_trace(trace_id: TraceId) -> Self {
        Self {
            trace: Some(trace_id),
            ..Self::default()
        }
    }

    /// Selects the events of a span.
    pub fn of_span(trace_id: TraceId, span_id: SpanId) -> Self {
        Self {
            span: Some(span_id),
            ..Self::of_trace(trace_id)
        }
    }

    /// Selects the events of a session.
    pub fn of_session(session: impl Into<String>) -> Self {
        Self {
            session: Some(session.into()),
            ..Self::default()
        }
    }

    /// Selects the events with a correlation id.
    pub fn of_correlation(correlation: impl Into<String>) -> Self {
        Self {
            correlation: Some(correlation.into()),
            ..Self::default()
        }
    }

    /// Reads the conditions, like [`TraceFilter::decode`](crate::TraceFilter::decode). The default
    /// range is the last hour, or all time if a trace, a session or a correlation is given.
    /// `trace=none` selects the events without a trace.
    pub fn decode(parameters: &mut Parameters<'_>) -> Self {
        let text = |value: Option<&str>| value.map(str::to_owned);
        let trace = parameters.parsed("trace", |text| match text {
            WITHOUT_TRACE => Ok(None),
            id => ids::parse_trace_id(id).map(Some),
        });
        let mut filter = Self {
            range: TimeRange::decode(parameters),
            min_severity: parameters.parsed("severity", severity).unwrap_or_default(),
            service: text(parameters.exact("service")),
            name: text(parameters.exact("name")),
            text: text(parameters.trimmed("text")),
            trace: trace.flatten(),
            without_trace: trace == Some(None),
            span: parameters.parsed("span", ids::parse_span_id),
            session: text(parameters.exact("session")),
            correlation: text(parameters.exact("correlation")),
        };
        if filter.span.is_some() && (!parameters.has("trace") || filter.without_trace) {
            parameters.fault("span", "is valid only together with its trace");
        }
        let is_of_one =
            filter.trace.is_some() || filter.session.is_some() || filter.correlation.is_some();
        if filter.range.is_none() && !is_of_one {
            filter.range = Some(TimeRange::default());
        }
        filter
    }

    /// Returns the pairs that [`Self::decode`] reads, not percent-encoded.
    pub fn to_query(&self) -> Vec<(&'static str, String)> {
        // The pattern lists every field, so that the compiler reports a new condition missing here.
        let Self {
            range,
            min_severity,
            service,
            name,
            text,
            trace,
            without_trace,
            span,
            session,
            correlation,
        } = self;
        let trace = trace.map(|trace| trace.to_string());
        let texts = [
            ("range", range.map(|range| range.to_string())),
            (
                "severity",
                (*min_severity > 0).then(|| min_severity.to_string()),
            ),
            ("service", service.clone()),
            ("name", name.clone()),
            ("text", text.clone()),
            (
                "trace",
                trace.or_else(|| without_trace.then(|| WITHOUT_TRACE.to_owned())),
            ),
            ("span", span.map(|span| span.to_string())),
            ("session", session.clone()),
            ("correlation", correlation.clone()),
        ];
        let texts = texts.into_iter();
        texts.filter_map(|(key, text)| Some((key, text?))).collect()
    }
}

/// The value of the parameter `trace` that selects the events without a trace.
const WITHOUT_TRACE: &str = "none";

fn severity(text: &str) -> Result<u8, String> {
    let words = [
        ("trace", 1),
        ("debug", 5),
        ("info", 9),
        ("warn", 13),
        ("error", 17),
        ("fatal", 21),
    ];
    let word = words
        .iter()
        .find(|(word, _)| word.eq_ignore_ascii_case(text));
    word.map(|(_, number)| *number)
        .or_else(|| {
            let number = text.parse().ok()?;
            (1..=LogRecord::MAX_SEVERITY)
                .contains(&number)
                .then_some(number)
        })
        .ok_or_else(|| {
            let text = quoted(text);
            format!("{text} is neither trace, debug, info, warn, error or fatal nor 1 to 24")
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::query::Query;

    proptest! {
        #[test]
        fn a_cursor_reads_back(at: i64, digest: i64) {
            let cursor = EventCursor { at: UnixNanos::new(at), digest };
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
    }

    #[test]
    fn a_filter_without_a_range_is_of_the_last_hour_unless_it_names_what_the_events_are_of() {
        let read = |pairs: &[(&'static str, &'static str)]| {
            let query: Query = pairs.iter().copied().collect();
            query.decode(EventFilter::decode).strict().expect("valid")
        };
        assert_eq!(read(&[]).range, Some(TimeRange::default()));
        let filter = read(&[("session", "s"), ("severity", "WARN"), ("text", " ")]);
        assert_eq!((filter.range, filter.min_severity), (None, 13));
        assert_eq!(filter.text, None);
        assert_eq!(read(&[("severity", "24")]).min_severity, 24);
    }

    #[test]
    fn a_filter_reads_back_from_its_query() {
        let text = |text: &str| Some(text.to_owned());
        let filter = EventFilter {
            range: Some(TimeRange::Last(7 * UnixNanos::PER_DAY)),
            min_severity: 10,
            service: text(" shop "),
            name: text("order=placed"),
            text: text("a & b"),
            trace: None,
            without_trace: true,
            span: None,
            session: text("s "),
            correlation: text("%"),
        };
        let of_span = EventFilter::of_span(
            "4bf92f3577b34da6a3ce929d0e0e4736".parse().expect("an id"),
            "00f067aa0ba902b7".parse().expect("an id"),
        );
        for filter in [filter, of_span] {
            let pairs = filter.to_query();
            let known = |(key, _): &(&str, String)| EventFilter::KEYS.contains(key);
            assert!(pairs.iter().all(known), "{pairs:?}");
            let query: Query = pairs
                .iter()
                .map(|(key, value)| (*key, value.as_str()))
                .collect();
            assert_eq!(query.decode(EventFilter::decode).strict(), Ok(filter));
        }
    }

    #[test]
    fn an_unknown_severity_or_trace_is_an_error_in_words() {
        for pair in [
            ("severity", "loud"),
            ("severity", "25"),
            ("trace", "x"),
            ("span", "x"),
            ("span", "00f067aa0ba902b7"),
        ] {
            let query: Query = [pair].into_iter().collect();
            let faults = query.decode(EventFilter::decode).faults;
            let names: Vec<_> = faults.as_slice().iter().map(|f| &f.parameter).collect();
            assert_eq!(names, [pair.0], "{faults}");
        }
    }
}
