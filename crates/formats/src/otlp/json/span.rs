//! A span in JSON.

use serde::Deserialize;
use throughline_wire::{Mark, Marks, Span, SpanEvent, SpanKind, SpanLink, Status, StatusCode};

use super::any_value::KeyValues;
use super::id::{id, optional_id};
use crate::first_items::FirstItems;
use crate::lenient::{Enum, Number};
use crate::request::blank_span;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a span object")]
pub(super) struct JsonSpan {
    #[serde(alias = "trace_id")]
    trace_id: Option<String>,
    #[serde(alias = "span_id")]
    span_id: Option<String>,
    #[serde(alias = "trace_state")]
    trace_state: Option<String>,
    #[serde(alias = "parent_span_id")]
    parent_span_id: Option<String>,
    name: Option<String>,
    #[serde(default)]
    kind: Enum,
    #[serde(default, alias = "start_time_unix_nano")]
    start_time_unix_nano: Number,
    #[serde(default, alias = "end_time_unix_nano")]
    end_time_unix_nano: Number,
    #[serde(default)]
    attributes: KeyValues,
    #[serde(default, alias = "dropped_attributes_count")]
    dropped_attributes_count: Number,
    #[serde(default)]
    events: FirstItems<JsonEvent>,
    #[serde(default, alias = "dropped_events_count")]
    dropped_events_count: Number,
    #[serde(default)]
    links: FirstItems<JsonLink>,
    #[serde(default, alias = "dropped_links_count")]
    dropped_links_count: Number,
    status: Option<JsonStatus>,
    #[serde(default)]
    flags: Number,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an event object")]
struct JsonEvent {
    #[serde(default, alias = "time_unix_nano")]
    time_unix_nano: Number,
    name: Option<String>,
    #[serde(default)]
    attributes: KeyValues,
    #[serde(default, alias = "dropped_attributes_count")]
    dropped_attributes_count: Number,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a link object")]
struct JsonLink {
    #[serde(alias = "trace_id")]
    trace_id: Option<String>,
    #[serde(alias = "span_id")]
    span_id: Option<String>,
    #[serde(alias = "trace_state")]
    trace_state: Option<String>,
    #[serde(default)]
    attributes: KeyValues,
    #[serde(default, alias = "dropped_attributes_count")]
    dropped_attributes_count: Number,
    #[serde(default)]
    flags: Number,
}

#[derive(Deserialize)]
#[serde(expecting = "a status object")]
struct JsonStatus {
    message: Option<String>,
    #[serde(default)]
    code: Enum,
}

/// What the span says; the reason when an id of it is none.
pub(super) fn span(sent: JsonSpan, marks: &mut Marks) -> Result<Span, String> {
    let mut span = blank_span();
    span.trace_id = id(&sent.trace_id.unwrap_or_default(), "traceId")?;
    span.span_id = id(&sent.span_id.unwrap_or_default(), "spanId")?;
    span.parent_span_id = optional_id(sent.parent_span_id.as_deref(), "parentSpanId")?;
    span.trace_state = sent.trace_state.unwrap_or_default().into();
    span.name = sent.name.unwrap_or_default().into();
    span.kind = SpanKind::from_code(sent.kind.code("SPAN_KIND_", &KINDS));
    span.start = sent.start_time_unix_nano.instant();
    span.end = sent.end_time_unix_nano.instant();
    span.flags = sent.flags.count();
    span.attributes = sent.attributes.into_attributes(marks);
    span.dropped_attributes_count = sent.dropped_attributes_count.count();
    span.dropped_events_count = sent.dropped_events_count.count();
    span.dropped_links_count = sent.dropped_links_count.count();
    if let Some(status) = sent.status {
        span.status = Status {
            code: StatusCode::from_code(status.code.code("STATUS_CODE_", &STATUS_CODES)),
            message: status.message.unwrap_or_default().into(),
        };
    }
    if sent.events.beyond > 0 {
        marks.insert(Mark::EventsDropped);
        span.dropped_events_count = sent.events.add_beyond(span.dropped_events_count);
    }
    for event in sent.events.items {
        span.events.push(SpanEvent {
            time: event.time_unix_nano.instant_or_none(),
            name: event.name.unwrap_or_default().into(),
            attributes: event.attributes.into_attributes(marks),
            dropped_attributes_count: event.dropped_attributes_count.count(),
        });
    }
    if sent.links.beyond > 0 {
        marks.insert(Mark::LinksDropped);
        span.dropped_links_count = sent.links.add_beyond(span.dropped_links_count);
    }
    for link in sent.links.items {
        if let Some(link) = read_link(link, marks) {
            span.links.push(link);
        } else {
            marks.insert(Mark::LinksDropped);
            span.dropped_links_count = span.dropped_links_count.saturating_add(1);
        }
    }
    Ok(span)
}

/// Names of span kinds and status codes in protobuf, in the order of their numbers.
const KINDS: [&str; 6] = [
    "UNSPECIFIED",
    "INTERNAL",
    "SERVER",
    "CLIENT",
    "PRODUCER",
    "CONSUMER",
];
const STATUS_CODES: [&str; 3] = ["UNSET", "OK", "ERROR"];

fn read_link(sent: JsonLink, marks: &mut Marks) -> Option<SpanLink> {
    Some(SpanLink {
        trace_id: id(&sent.trace_id?, "traceId").ok()?,
        span_id: id(&sent.span_id?, "spanId").ok()?,
        trace_state: sent.trace_state.unwrap_or_default().into(),
        flags: sent.flags.count(),
        attributes: sent.attributes.into_attributes(marks),
        dropped_attributes_count: sent.dropped_attributes_count.count(),
    })
}
