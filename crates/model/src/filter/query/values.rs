//! Parses the values of a filter's parameters.

use throughline_wire::SpanKind;

use crate::filter::StatusFilter;
use crate::query::quoted;

pub(super) const KINDS: [SpanKind; 6] = [
    SpanKind::Server,
    SpanKind::Client,
    SpanKind::Producer,
    SpanKind::Consumer,
    SpanKind::Internal,
    SpanKind::Unspecified,
];

pub(super) fn parse_count(text: &str) -> Result<u64, String> {
    text.parse()
        .ok()
        .filter(|count: &u64| i64::try_from(*count).is_ok())
        .ok_or_else(|| format!("{} is not a whole number", quoted(text)))
}

pub(super) fn parse_status(text: &str) -> Result<StatusFilter, String> {
    match text {
        "ok" => Ok(StatusFilter::Ok),
        "error" => Ok(StatusFilter::Error),
        _ => Err(format!("{} is neither ok nor error", quoted(text))),
    }
}

pub(super) fn parse_pinned(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        _ => Err(format!(
            "{} is not true, the only value it takes",
            quoted(text)
        )),
    }
}

pub(super) fn parse_kind(text: &str) -> Result<SpanKind, String> {
    let known = KINDS.into_iter().find(|kind| kind.as_str() == text);
    known.ok_or_else(|| {
        let names = KINDS.map(SpanKind::as_str).join(", ");
        format!("{} is none of {names}", quoted(text))
    })
}
