//! Reads a filter from a query string and writes it back.

use core::fmt;
use std::borrow::Cow;
use std::collections::HashSet;

use throughline_wire::UnixNanos;

use super::{AttributeCondition, TraceFilter, format_duration_ns};
use crate::TimeRange;

mod values;

use values::{
    parse_count, parse_duration, parse_instant, parse_kind, parse_pinned, parse_status, shortened,
    unknown,
};

/// The prefix of parameters that are a condition on an attribute.
const ATTRIBUTE_PREFIX: &str = "attr.";
/// Parameters whose value keeps leading and trailing spaces, because an id may have them.
const EXACT_KEYS: [&str; 2] = ["user", "session"];

/// The faults of a query string, one sentence each. They are safe to show.
#[derive(Debug, Clone, PartialEq, Eq, Default, thiserror::Error)]
pub struct Faults(pub Vec<String>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl Faults {
    /// Returns the value of `result`; on an error, records the fault and returns `None`.
    pub fn take<T>(&mut self, result: Result<T, impl Into<String>>) -> Option<T> {
        result.map_err(|fault| self.0.push(fault.into())).ok()
    }

    /// Returns `value` if there is no fault.
    ///
    /// # Errors
    /// Returns the faults.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(self)
        }
    }
}

/// The fault of a value with a NUL character. No stored text equals it.
pub(crate) const NUL_IN_IT: &str = "has a NUL character, which no stored text has";

impl TraceFilter {
    /// The names of the query parameters, besides `attr.KEY`.
    pub const KEYS: [&'static str; 17] = [
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
        "pinned",
        "attr",
    ];
    /// The maximum number of conditions on attributes.
    pub const MAX_ATTRIBUTES: usize = 8;
    /// The maximum size of a text, in bytes.
    pub const MAX_TEXT_BYTES: usize = 1_024;

    /// Reads the conditions from the decoded pairs of a query string. Names in `others` are left to
    /// the caller. An empty value is no condition, because an untouched form field sends it. The
    /// last value of a repeated name counts, except for `attr`, where all count.
    ///
    /// # Errors
    /// Returns all faults. An unknown name is a fault: a misspelt condition would otherwise select
    /// everything without notice.
    pub fn from_query<'a>(
        pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
        others: &[&str],
    ) -> Result<Self, Faults> {
        let mut read = Reading::default();
        for (key, value) in pairs {
            if others.contains(&key) {
                continue;
            }
            // Attributes and ids are compared byte by byte. Spaces around other values are typing
            // errors.
            let is_exact = EXACT_KEYS.contains(&key) || key.starts_with(ATTRIBUTE_PREFIX);
            let value = if is_exact { value } else { value.trim() };
            if value.is_empty() && (Self::KEYS.contains(&key) || key.starts_with(ATTRIBUTE_PREFIX))
            {
                continue;
            }
            if value.contains('\0') {
                let key = shortened(key);
                read.faults.0.push(format!("{key}: {NUL_IN_IT}"));
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

    /// Returns the pairs that [`Self::from_query`] reads, not percent-encoded. The default range is
    /// left out.
    pub fn to_query(&self) -> Vec<(Cow<'static, str>, String)> {
        // The pattern lists every field, so that the compiler reports a new condition missing here.
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
            is_pinned,
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
            ("pinned", is_pinned.then(|| "true".to_owned())),
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

/// The conditions and faults read so far.
#[derive(Default)]
struct Reading {
    filter: TraceFilter,
    from: Option<UnixNanos>,
    to: Option<UnixNanos>,
    /// True if `from` or `to` was given, even with a wrong value.
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
            "pinned" => filter.is_pinned = faults.take(parse_pinned(value)).unwrap_or_default(),
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

#[cfg(test)]
mod tests;
