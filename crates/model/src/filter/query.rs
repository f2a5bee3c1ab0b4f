//! A filter as the query string of a URL.

use core::fmt;
use std::borrow::Cow;
use std::collections::HashSet;

use throughline_wire::{SpanKind, UnixNanos};

use super::{AttributeCondition, StatusFilter, TraceFilter, format_duration_ns, parse_duration_ns};
use crate::{TimeRange, Utc};

/// What begins the name of a parameter that is a condition on an attribute.
const ATTRIBUTE_PREFIX: &str = "attr.";

const KINDS: [SpanKind; 6] = [
    SpanKind::Server,
    SpanKind::Client,
    SpanKind::Producer,
    SpanKind::Consumer,
    SpanKind::Internal,
    SpanKind::Unspecified,
];

/// Everything that is wrong with a query string, one sentence each; safe to show.
#[derive(Debug, Clone, PartialEq, Eq, Default, thiserror::Error)]
pub struct Faults(pub Vec<String>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl Faults {
    /// Takes `result`, or notes what is wrong and gives nothing.
    pub fn take<T>(&mut self, result: Result<T, impl Into<String>>) -> Option<T> {
        result.map_err(|fault| self.0.push(fault.into())).ok()
    }

    /// `value`, unless there is a fault.
    ///
    /// # Errors
    /// The faults.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(self)
        }
    }
}

impl TraceFilter {
    /// The names a URL may use, besides `attr.KEY`.
    pub const KEYS: [&'static str; 16] = [
        "range",
        "from",
        "to",
        "service",
        "operation",
        "kind",
        "status",
        "min_duration",
        "max_duration",
        "min_spans",
        "max_spans",
        "user",
        "session",
        "correlation",
        "error",
        "attr",
    ];
    /// Conditions on attributes at most.
    pub const MAX_ATTRIBUTES: usize = 8;
    /// A text is at most so long, in bytes.
    pub const MAX_TEXT_BYTES: usize = 1_024;

    /// Reads the conditions among the decoded pairs of a query string. Names in `others` are left
    /// to the caller; empty values are no condition (what an untouched form field sends), and of a
    /// repeated name the last one counts, but for `attr`.
    ///
    /// # Errors
    /// All that is wrong, unknown names included: a misspelt condition would silently select
    /// everything.
    pub fn from_query<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
        others: &[&str],
    ) -> Result<Self, Faults> {
        let mut read = Reading::default();
        for (key, value) in pairs {
            if others.contains(&key) {
                continue;
            }
            let value = value.trim();
            if value.is_empty() && (Self::KEYS.contains(&key) || key.starts_with(ATTRIBUTE_PREFIX))
            {
                continue;
            }
            if value.len() > Self::MAX_TEXT_BYTES {
                let key = shortened(key);
                read.faults.0.push(format!(
                    "{key} is longer than {} bytes",
                    Self::MAX_TEXT_BYTES
                ));
                continue;
            }
            read.pair(key, value, others);
        }
        read.finish()
    }

    /// The pairs [`Self::from_query`] reads, not yet percent-encoded; the default range is left
    /// out.
    pub fn to_query(&self) -> Vec<(Cow<'static, str>, String)> {
        // Taken apart so that a new condition cannot be forgotten here.
        let Self {
            range,
            service,
            operation,
            kind,
            status,
            min_duration_ns,
            max_duration_ns,
            min_spans,
            max_spans,
            user,
            session,
            correlation,
            error,
            attributes,
        } = self;
        let texts = [
            (
                "range",
                (*range != TimeRange::default()).then(|| range.to_string()),
            ),
            ("service", service.clone()),
            ("operation", operation.as_ref().map(ToString::to_string)),
            ("kind", kind.map(|kind| kind.as_str().to_owned())),
            ("status", status.map(|status| status.as_str().to_owned())),
            ("min_duration", min_duration_ns.map(format_duration_ns)),
            ("max_duration", max_duration_ns.map(format_duration_ns)),
            ("min_spans", min_spans.map(|count| count.to_string())),
            ("max_spans", max_spans.map(|count| count.to_string())),
            ("user", user.clone()),
            ("session", session.clone()),
            ("correlation", correlation.clone()),
            ("error", error.clone()),
        ];
        let texts = texts
            .into_iter()
            .filter_map(|(key, text)| text.map(|text| (Cow::Borrowed(key), text)));
        let attributes = attributes.iter().map(|condition| {
            let key = format!("{ATTRIBUTE_PREFIX}{}", condition.key);
            (Cow::Owned(key), condition.value.clone())
        });
        texts.chain(attributes).collect()
    }
}

/// What has been read so far.
#[derive(Default)]
struct Reading {
    filter: TraceFilter,
    from: Option<UnixNanos>,
    to: Option<UnixNanos>,
    /// Whether `from` or `to` was given, be it wrong.
    has_ends: (bool, bool),
    faults: Faults,
}

impl Reading {
    fn pair(&mut self, key: &str, value: &str, others: &[&str]) {
        let Self { filter, faults, .. } = self;
        let text = || Some(value.to_owned());
        match key {
            "range" => filter.range = faults.take(value.parse()).unwrap_or(filter.range),
            "from" => {
                self.has_ends.0 = true;
                self.from = faults.take(parse_instant(key, value));
            }
            "to" => {
                self.has_ends.1 = true;
                self.to = faults.take(parse_instant(key, value));
            }
            "service" => filter.service = text(),
            "operation" => filter.operation = faults.take(value.parse()),
            "kind" => filter.kind = faults.take(parse_kind(value)),
            "status" => filter.status = faults.take(parse_status(value)),
            "min_duration" => filter.min_duration_ns = faults.take(parse_duration(key, value)),
            "max_duration" => filter.max_duration_ns = faults.take(parse_duration(key, value)),
            "min_spans" => filter.min_spans = faults.take(parse_count(key, value)),
            "max_spans" => filter.max_spans = faults.take(parse_count(key, value)),
            "user" => filter.user = text(),
            "session" => filter.session = text(),
            "correlation" => filter.correlation = text(),
            "error" => filter.error = text(),
            "attr" => {
                let condition = faults.take(AttributeCondition::parse(value));
                filter.attributes.extend(condition);
            }
            _ => match key.strip_prefix(ATTRIBUTE_PREFIX) {
                Some(name) if !name.is_empty() => filter.attributes.push(AttributeCondition {
                    key: name.to_owned(),
                    value: value.to_owned(),
                }),
                _ => faults.0.push(unknown(key, others)),
            },
        }
    }

    fn finish(mut self) -> Result<TraceFilter, Faults> {
        let faults = &mut self.faults.0;
        match (self.from, self.to, self.has_ends) {
            (Some(from), Some(to), _) if from < to => {
                self.filter.range = TimeRange::Between(from, to);
            }
            (Some(_), Some(_), _) => faults.push("from must be earlier than to".to_owned()),
            (_, _, (true, false)) => faults.push("from is given, but to is missing".to_owned()),
            (_, _, (false, true)) => faults.push("to is given, but from is missing".to_owned()),
            _ => {}
        }
        let filter = &mut self.filter;
        if exceeds(filter.min_duration_ns, filter.max_duration_ns) {
            faults.push("min_duration is more than max_duration".to_owned());
        }
        if exceeds(filter.min_spans, filter.max_spans) {
            faults.push("min_spans is more than max_spans".to_owned());
        }
        let mut seen = HashSet::new();
        filter
            .attributes
            .retain(|condition| seen.insert(condition.clone()));
        if filter.attributes.len() > TraceFilter::MAX_ATTRIBUTES {
            faults.push(format!(
                "there are {} conditions on attributes; {} are the most",
                filter.attributes.len(),
                TraceFilter::MAX_ATTRIBUTES
            ));
        }
        self.faults.or(self.filter)
    }
}

fn exceeds<T: PartialOrd>(least: Option<T>, most: Option<T>) -> bool {
    matches!((least, most), (Some(least), Some(most)) if least > most)
}

fn parse_instant(key: &str, text: &str) -> Result<UnixNanos, String> {
    Utc::parse(text)
        .ok_or_else(|| format!("{key} {text:?} is not a UTC time such as 2026-11-21T14:00"))
}

fn parse_duration(key: &str, text: &str) -> Result<i64, String> {
    parse_duration_ns(text).map_err(|fault| format!("{key}: {fault}"))
}

fn parse_count(key: &str, text: &str) -> Result<u64, String> {
    text.parse()
        .ok()
        .filter(|count: &u64| i64::try_from(*count).is_ok())
        .ok_or_else(|| format!("{key} {text:?} is not a whole number"))
}

fn parse_status(text: &str) -> Result<StatusFilter, String> {
    match text {
        "ok" => Ok(StatusFilter::Ok),
        "error" => Ok(StatusFilter::Error),
        _ => Err(format!("status {text:?} is neither ok nor error")),
    }
}

fn parse_kind(text: &str) -> Result<SpanKind, String> {
    let known = KINDS.into_iter().find(|kind| kind.as_str() == text);
    known.ok_or_else(|| {
        let names = KINDS.map(SpanKind::as_str).join(", ");
        format!("kind {text:?} is none of {names}")
    })
}

/// Says that nobody reads `key`, and which name may have been meant.
fn unknown(key: &str, others: &[&str]) -> String {
    let known = TraceFilter::KEYS.iter().chain(others).copied();
    let likely = known
        .map(|name| (distance(key, name), name))
        .min()
        .filter(|(distance, name)| *distance <= name.len() / 3 + 1);
    let key = shortened(key);
    match likely {
        Some((_, name)) => format!("there is no parameter {key:?}; did you mean {name}?"),
        None => format!(
            "there is no parameter {key:?}; there are {}, attr.KEY",
            TraceFilter::KEYS
                .iter()
                .chain(others)
                .copied()
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}

/// How many letters to change to get from one name to the other (Levenshtein), of their first 60.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (at, letter) in from.chars().take(60).enumerate() {
        let mut diagonal = row[0];
        row[0] = at + 1;
        for (place, other) in to.iter().enumerate() {
            let change = diagonal + usize::from(letter != *other);
            diagonal = row[place + 1];
            row[place + 1] = change.min(row[place] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::filter::OperationMatch;

    fn text() -> impl Strategy<Value = Option<String>> {
        prop::option::of("[^\\s][\\PC]{0,10}[^\\s]")
    }

    fn range<T: PartialOrd + fmt::Debug + Clone + 'static>(
        value: impl Strategy<Value = T> + Clone + 'static,
    ) -> impl Strategy<Value = (Option<T>, Option<T>)> {
        (prop::option::of(value.clone()), prop::option::of(value))
            .prop_filter("in order", |(a, b)| !exceeds(a.clone(), b.clone()))
    }

    prop_compose! {
        fn filters()(
            minutes in 1_i64..100_000,
            service in text(),
            operation in prop::option::of("[^\\s][\\PC]{0,10}[^\\s]".prop_map(OperationMatch::Contains)),
            kind in prop::option::of(prop::sample::select(KINDS.to_vec())),
            status in prop::option::of(prop_oneof![Just(StatusFilter::Ok), Just(StatusFilter::Error)]),
            (min_duration_ns, max_duration_ns) in range(0..i64::MAX),
            (min_spans, max_spans) in range(0..i64::MAX as u64),
            user in text(),
            session in text(),
            (correlation, error) in (text(), text()),
            attributes in prop::collection::hash_map("[a-z.]{1,9}", "[^\\s][\\PC]{0,10}[^\\s]", 0..4),
        ) -> TraceFilter {
            TraceFilter {
                range: TimeRange::Last(minutes * UnixNanos::PER_MINUTE),
                service, operation, kind, status,
                min_duration_ns, max_duration_ns, min_spans, max_spans,
                user, session, correlation, error,
                attributes: attributes.into_iter()
                    .map(|(key, value)| AttributeCondition { key, value })
                    .collect(),
            }
        }
    }

    fn read(pairs: &[(&str, &str)]) -> Result<TraceFilter, Faults> {
        TraceFilter::from_query(pairs.iter().copied(), &["after"])
    }

    proptest! {
        #[test]
        fn a_filter_reads_back_from_its_query(filter in filters()) {
            let pairs = filter.to_query();
            let read = TraceFilter::from_query(pairs.iter().map(|(k, v)| (k.as_ref(), v.as_str())), &[]);
            prop_assert_eq!(read, Ok(filter));
        }

        #[test]
        fn any_pair_is_read_or_refused(key in "\\PC{0,20}", value in "\\PC{0,20}") {
            let _ = read(&[(&key, &value)]);
        }
    }

    #[test]
    fn from_and_to_make_a_fixed_range() {
        let range = |pairs: &[(&'static str, &'static str)]| read(pairs).map(|filter| filter.range);
        let (from, to) = (("from", "2026-11-21T14:00"), ("to", "2026-11-21T15:00"));
        let hour = TimeRange::Between(
            UnixNanos::new(1_795_269_600_000_000_000),
            UnixNanos::new(1_795_273_200_000_000_000),
        );
        assert_eq!(range(&[from, to, ("range", "7d")]), Ok(hour));
        for wrong in [
            &[from][..],
            &[to],
            &[("from", to.1), ("to", from.1)],
            &[("from", "now"), to],
        ] {
            let Faults(faults) = range(wrong).expect_err("refused");
            assert_eq!(faults.len(), 1, "{faults:?}");
        }
    }

    #[test]
    fn all_that_is_wrong_is_named_at_once() {
        let faults = read(&[
            ("status", "odd"),
            ("kind", "sever"),
            ("min_duration", "fast"),
            ("max_spans", "-1"),
            ("operation", "="),
            ("attr", "no value"),
            ("servcie", "shop"),
            ("min_spans", "x"),
        ])
        .expect_err("refused");
        let words = [
            "status",
            "kind",
            "min_duration",
            "max_spans",
            "operation",
            "attr",
            "did you mean service?",
            "min_spans",
        ];
        assert_eq!(faults.0.len(), words.len());
        for word in words {
            assert!(faults.to_string().contains(word), "{faults}");
        }
    }

    #[test]
    fn ends_of_a_range_must_be_in_order() {
        for pairs in [
            [("min_duration", "2s"), ("max_duration", "1s")],
            [("min_spans", "5"), ("max_spans", "4")],
        ] {
            assert!(read(&pairs).is_err(), "{pairs:?}");
        }
    }

    #[test]
    fn conditions_on_attributes_add_up_to_a_limit() {
        let filter = read(&[
            ("attr.shop.id", "1"),
            ("attr", "shop.id=1"),
            ("attr", "shop.id=2"),
            ("attr.empty", ""),
            ("after", "whatever"),
        ])
        .expect("is read");
        let values: Vec<_> = filter.attributes.iter().map(ToString::to_string).collect();
        assert_eq!(values, ["shop.id=1", "shop.id=2"]);

        let many: Vec<_> = (0..9).map(|at| format!("k{at}=v")).collect();
        let many: Vec<_> = many.iter().map(|pair| ("attr", pair.as_str())).collect();
        assert!(read(&many).is_err());
        assert!(read(&[("user", &"x".repeat(1_025))]).is_err());
    }
}
