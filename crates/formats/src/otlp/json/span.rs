//! Decodes a span from JSON.

use serde::Deserialize;
use throughline_codec::context::DecodeContext;
use throughline_codec::json::FirstItems;
use throughline_codec::json_struct;
use throughline_wire::{Repair, Span, SpanEvent, SpanKind, SpanLink, Status, StatusCode};

use super::any_value::KeyValues;
use super::id::{id, optional_id};
use crate::lenient::{Enum, Number};
use crate::request::blank_span;

json_struct! {
    pub(super) struct JsonSpan: "a span object" {
        trace_id: Option<String> = "traceId" | "trace_id";
        span_id: Option<String> = "spanId" | "span_id";
        trace_state: Option<String> = "traceState" | "trace_state";
        parent_span_id: Option<String> = "parentSpanId" | "parent_span_id";
        name: Option<String> = "name";
        kind: Enum = "kind";
        start_time_unix_nano: Number = "startTimeUnixNano" | "start_time_unix_nano";
        end_time_unix_nano: Number = "endTimeUnixNano" | "end_time_unix_nano";
        attributes: KeyValues = "attributes";
        dropped_attributes_count: Number = "droppedAttributesCount" | "dropped_attributes_count";
        events: FirstItems<JsonEvent> = "events";
        dropped_events_count: Number = "droppedEventsCount" | "dropped_events_count";
        links: FirstItems<JsonLink> = "links";
        dropped_links_count: Number = "droppedLinksCount" | "dropped_links_count";
        status: Option<JsonStatus> = "status";
        flags: Number = "flags";
    }
}

json_struct! {
    struct JsonEvent: "an event object" {
        time_unix_nano: Number = "timeUnixNano" | "time_unix_nano";
        name: Option<String> = "name";
        attributes: KeyValues = "attributes";
        dropped_attributes_count: Number = "droppedAttributesCount" | "dropped_attributes_count";
    }
}

json_struct! {
    struct JsonLink: "a link object" {
        trace_id: Option<String> = "traceId" | "trace_id";
        span_id: Option<String> = "spanId" | "span_id";
        trace_state: Option<String> = "traceState" | "trace_state";
        attributes: KeyValues = "attributes";
        dropped_attributes_count: Number = "droppedAttributesCount" | "dropped_attributes_count";
        flags: Number = "flags";
    }
}

#[derive(Deserialize)]
#[serde(expecting = "a status object")]
struct JsonStatus {
    message: Option<String>,
    #[serde(default)]
    code: Enum,
}

/// Converts a span, or returns the reason why one of its ids is invalid.
pub(super) fn span(sent: JsonSpan, context: &mut DecodeContext) -> Result<Span, String> {
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
    span.dropped_attributes_count = sent.dropped_attributes_count.count();
    let dropped = &mut span.dropped_attributes_count;
    span.attributes = sent.attributes.into_attributes(dropped, context);
    span.dropped_events_count = sent.dropped_events_count.count();
    span.dropped_links_count = sent.dropped_links_count.count();
    if let Some(status) = sent.status {
        span.status = Status {
            code: StatusCode::from_code(status.code.code("STATUS_CODE_", &STATUS_CODES)),
            message: status.message.unwrap_or_default().into(),
        };
    }
    let dropped = &mut span.dropped_events_count;
    context.drop_items(sent.events.beyond, dropped, Repair::EventsDropped);
    for event in sent.events.items {
        let mut dropped_attributes_count = event.dropped_attributes_count.count();
        let dropped = &mut dropped_attributes_count;
        span.events.push(SpanEvent {
            time: event.time_unix_nano.instant_or_none(),
            name: event.name.unwrap_or_default().into(),
            attributes: event.attributes.into_attributes(dropped, context),
            dropped_attributes_count,
        });
    }
    let dropped = &mut span.dropped_links_count;
    context.drop_items(sent.links.beyond, dropped, Repair::LinksDropped);
    for link in sent.links.items {
        if let Some(link) = read_link(link, context) {
            span.links.push(link);
        } else {
            context.repair(Repair::LinksDropped);
            span.dropped_links_count = span.dropped_links_count.saturating_add(1);
        }
    }
    Ok(span)
}

/// The names of span kinds in protobuf, in the order of their numbers.
const KINDS: [&str; 6] = [
    "UNSPECIFIED",
    "INTERNAL",
    "SERVER",
    "CLIENT",
    "PRODUCER",
    "CONSUMER",
];
const STATUS_CODES: [&str; 3] = ["UNSET", "OK", "ERROR"];

fn read_link(sent: JsonLink, context: &mut DecodeContext) -> Option<SpanLink> {
    let mut dropped_attributes_count = sent.dropped_attributes_count.count();
    let dropped = &mut dropped_attributes_count;
    Some(SpanLink {
        trace_id: id(&sent.trace_id?, "traceId").ok()?,
        span_id: id(&sent.span_id?, "spanId").ok()?,
        trace_state: sent.trace_state.unwrap_or_default().into(),
        flags: sent.flags.count(),
        attributes: sent.attributes.into_attributes(dropped, context),
        dropped_attributes_count,
    })
}
