//! Parses the values of a filter's parameters, and suggests names for unknown parameters.

use throughline_wire::{SpanKind, UnixNanos};

use crate::Utc;
use crate::filter::{StatusFilter, TraceFilter, parse_duration_ns};

pub(super) const KINDS: [SpanKind; 6] = [
    SpanKind::Server,
    SpanKind::Client,
    SpanKind::Producer,
    SpanKind::Consumer,
    SpanKind::Internal,
    SpanKind::Unspecified,
];

pub(super) fn parse_instant(key: &str, text: &str) -> Result<UnixNanos, String> {
    Utc::parse(text)
        .ok_or_else(|| format!("{key} {text:?} is not a UTC time such as 2026-11-21T14:00"))
}

pub(super) fn parse_duration(key: &str, text: &str) -> Result<i64, String> {
    parse_duration_ns(text).map_err(|fault| format!("{key}: {fault}"))
}

pub(super) fn parse_count(key: &str, text: &str) -> Result<u64, String> {
    text.parse()
        .ok()
        .filter(|count: &u64| i64::try_from(*count).is_ok())
        .ok_or_else(|| format!("{key} {text:?} is not a whole number"))
}

pub(super) fn parse_status(text: &str) -> Result<StatusFilter, String> {
    match text {
        "ok" => Ok(StatusFilter::Ok),
        "error" => Ok(StatusFilter::Error),
        _ => Err(format!("status {text:?} is neither ok nor error")),
    }
}

pub(super) fn parse_pinned(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        _ => Err(format!(
            "pinned {text:?} is not true, the only value it takes"
        )),
    }
}

pub(super) fn parse_kind(text: &str) -> Result<SpanKind, String> {
    let known = KINDS.into_iter().find(|kind| kind.as_str() == text);
    known.ok_or_else(|| {
        let names = KINDS.map(SpanKind::as_str).join(", ");
        format!("kind {text:?} is none of {names}")
    })
}

/// Returns the fault of an unknown parameter `key`, with the most similar known name.
pub(super) fn unknown(key: &str, others: &[&str]) -> String {
    let known = TraceFilter::KEYS.iter().chain(others).copied();
    let likely = known
        .map(|name| (distance(key, name), name))
        .min()
        .filter(|(distance, name)| *distance <= name.len() / 3 + 1);
    let key = shortened(key);
    match likely {
        Some((_, name)) => format!("unknown parameter {key:?}; did you mean {name}?"),
        None => format!(
            "unknown parameter {key:?}; the parameters are {}, attr.KEY",
            TraceFilter::KEYS
                .iter()
                .chain(others)
                .copied()
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}

pub(super) fn shortened(text: &str) -> String {
    text.chars().take(60).collect()
}

/// Returns the Levenshtein distance of two names. Only the first 60 letters are compared.
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
