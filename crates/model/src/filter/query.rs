//! Reads a filter from a query string and writes it back.

use std::borrow::Cow;
use std::collections::HashSet;

use super::{
    AttributeCondition, OperationMatch, TraceFilter, format_duration_ns, parse_duration_ns,
};
use crate::TimeRange;
use crate::query::Parameters;

mod values;

use values::{parse_count, parse_kind, parse_pinned, parse_status};

/// The prefix of parameters that are a condition on an attribute.
const ATTRIBUTE_PREFIX: &str = "attr.";

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

    /// Reads the conditions. Names and ids that senders chose are compared byte by byte, so they
    /// keep the spaces around them; other values lose them.
    pub fn decode(parameters: &mut Parameters<'_>) -> Self {
        let text = |value: Option<&str>| value.map(str::to_owned);
        let filter = Self {
            range: TimeRange::decode(parameters).unwrap_or_default(),
            service: text(parameters.exact("service")),
            operation: OperationMatch::decode(parameters),
            kind: parameters.parsed("kind", parse_kind),
            status: parameters.parsed("status", parse_status),
            min_duration_ns: parameters.parsed("min_duration", parse_duration_ns),
            max_duration_ns: parameters.parsed("max_duration", parse_duration_ns),
            min_spans: parameters.parsed("min_spans", parse_count),
            max_spans: parameters.parsed("max_spans", parse_count),
            user: text(parameters.exact("user")),
            session: text(parameters.exact("session")),
            correlation: text(parameters.exact("correlation")),
            error: text(parameters.trimmed("error")),
            is_pinned: parameters
                .parsed("pinned", parse_pinned)
                .unwrap_or_default(),
            attributes: decode_attributes(parameters),
        };
        if exceeds(filter.min_duration_ns, filter.max_duration_ns) {
            parameters.fault("min_duration", "is more than max_duration");
        }
        if exceeds(filter.min_spans, filter.max_spans) {
            parameters.fault("min_spans", "is more than max_spans");
        }
        filter
    }

    /// Returns the pairs that [`Self::decode`] reads, not percent-encoded. The default range is
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

/// Reads every `attr.KEY` and every `attr`, each condition once.
fn decode_attributes(parameters: &mut Parameters<'_>) -> Vec<AttributeCondition> {
    let mut conditions = Vec::new();
    for (key, value) in parameters.with_prefix(ATTRIBUTE_PREFIX) {
        conditions.push(AttributeCondition {
            key: key.to_owned(),
            value: value.to_owned(),
        });
    }
    for text in parameters.all("attr") {
        if !text.trim().is_empty() {
            conditions.extend(parameters.take("attr", AttributeCondition::parse(text)));
        }
    }
    let mut seen = HashSet::new();
    conditions.retain(|condition| seen.insert(condition.clone()));
    let (count, most) = (conditions.len(), TraceFilter::MAX_ATTRIBUTES);
    if count > most {
        let detail = format!("there are {count} conditions on attributes; {most} are the most");
        parameters.fault("attr", detail);
        conditions.truncate(most);
    }
    conditions
}

fn exceeds<T: PartialOrd>(least: Option<T>, most: Option<T>) -> bool {
    matches!((least, most), (Some(least), Some(most)) if least > most)
}

#[cfg(test)]
mod tests;
