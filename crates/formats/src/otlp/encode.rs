//! Writes spans as OTLP JSON, so that [`decode_json`](super::decode_json) reads back the same.
//!
//! The form is protobuf's for JSON with OTLP's exceptions: ids in hexadecimal, enums as numbers,
//! 64-bit numbers as text, keys in `camelCase`. A double without a number is `"NaN"`,
//! `"Infinity"` or `"-Infinity"`. Fields that hold nothing are left out.
//!
//! Source: OpenTelemetry Protocol specification 1.10, "JSON Protobuf Encoding".

mod any_value;
#[cfg(test)]
mod tests;

use serde::Serialize;
use throughline_wire::{
    InstrumentationScope, Resource, Span, SpanEvent, SpanId, SpanLink, Status, TraceId, UnixNanos,
};

use self::any_value::KeyValues;

/// Spans of one scope of one resource, to be written together.
#[derive(Debug, Clone)]
pub struct SpansOf<'a> {
    /// Who made them.
    pub resource: &'a Resource,
    /// With which library.
    pub scope: &'a InstrumentationScope,
    /// The spans.
    pub spans: Vec<&'a Span>,
}

/// Writes `groups` as one `TracesData`, which is one `ExportTraceServiceRequest` as well, without
/// a line break.
///
/// Groups that follow one another and share their resource (the same reference) share its object.
pub fn encode_json(groups: &[SpansOf<'_>]) -> Vec<u8> {
    let resource_spans = groups
        .chunk_by(|one, next| core::ptr::eq(one.resource, next.resource))
        .map(|of_resource| ResourceSpans {
            resource: of_resource[0].resource.into(),
            scope_spans: of_resource.iter().map(ScopeSpans::from).collect(),
            schema_url: &of_resource[0].resource.schema_url,
        })
        .collect();
    // Keys are text and nothing here refuses: only memory could fail.
    serde_json::to_vec(&TracesData { resource_spans }).unwrap_or_default()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TracesData<'a> {
    resource_spans: Vec<ResourceSpans<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans<'a> {
    resource: ResourceJson<'a>,
    scope_spans: Vec<ScopeSpans<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    schema_url: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceJson<'a> {
    #[serde(skip_serializing_if = "KeyValues::is_empty")]
    attributes: KeyValues<'a>,
    #[serde(skip_serializing_if = "is_zero")]
    dropped_attributes_count: u32,
}

impl<'a> From<&'a Resource> for ResourceJson<'a> {
    fn from(resource: &'a Resource) -> Self {
        Self {
            attributes: KeyValues(&resource.attributes),
            dropped_attributes_count: resource.dropped_attributes_count,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ScopeSpans<'a> {
    scope: ScopeJson<'a>,
    spans: Vec<SpanJson<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    schema_url: &'a str,
}

impl<'a> From<&SpansOf<'a>> for ScopeSpans<'a> {
    fn from(group: &SpansOf<'a>) -> Self {
        Self {
            scope: group.scope.into(),
            spans: group.spans.iter().copied().map(SpanJson::from).collect(),
            schema_url: &group.scope.schema_url,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ScopeJson<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
    #[serde(skip_serializing_if = "KeyValues::is_empty")]
    attributes: KeyValues<'a>,
    #[serde(skip_serializing_if = "is_zero")]
    dropped_attributes_count: u32,
}

impl<'a> From<&'a InstrumentationScope> for ScopeJson<'a> {
    fn from(scope: &'a InstrumentationScope) -> Self {
        Self {
            name: &scope.name,
            version: &scope.version,
            attributes: KeyValues(&scope.attributes),
            dropped_attributes_count: scope.dropped_attributes_count,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SpanJson<'a> {
    trace_id: TraceId,
    span_id: SpanId,
    #[serde(skip_serializing_if = "str::is_empty")]
    trace_state: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<SpanId>,
    #[serde(skip_serializing_if = "is_zero")]
    flags: u32,
    name: &'a str,
    kind: u8,
    start_time_unix_nano: UnixNanos,
    end_time_unix_nano: UnixNanos,
    #[serde(skip_serializing_if = "KeyValues::is_empty")]
    attributes: KeyValues<'a>,
    #[serde(skip_serializing_if = "is_zero")]
    dropped_attributes_count: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<EventJson<'a>>,
    #[serde(skip_serializing_if = "is_zero")]
    dropped_events_count: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<LinkJson<'a>>,
    #[serde(skip_serializing_if = "is_zero")]
    dropped_links_count: u32,
    #[serde(skip_serializing_if = "StatusJson::is_empty")]
    status: StatusJson<'a>,
}

impl<'a> From<&'a Span> for SpanJson<'a> {
    fn from(span: &'a Span) -> Self {
        Self {
            trace_id: span.trace_id,
            span_id: span.span_id,
            trace_state: &span.trace_state,
            parent_span_id: span.parent_span_id,
            flags: span.flags,
            name: &span.name,
            kind: span.kind.code(),
            start_time_unix_nano: span.start,
            end_time_unix_nano: span.end,
            attributes: KeyValues(&span.attributes),
            dropped_attributes_count: span.dropped_attributes_count,
            events: span.events.iter().map(EventJson::from).collect(),
            dropped_events_count: span.dropped_events_count,
            links: span.links.iter().map(LinkJson::from).collect(),
            dropped_links_count: span.dropped_links_count,
            status: StatusJson::from(&span.status),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventJson<'a> {
    time_unix_nano: UnixNanos,
    name: &'a str,
    #[serde(skip_serializing_if = "KeyValues::is_empty")]
    attributes: KeyValues<'a>,
    #[serde(skip_serializing_if = "is_zero")]
    dropped_attributes_count: u32,
}

impl<'a> From<&'a SpanEvent> for EventJson<'a> {
    fn from(event: &'a SpanEvent) -> Self {
        Self {
            time_unix_nano: event.time,
            name: &event.name,
            attributes: KeyValues(&event.attributes),
            dropped_attributes_count: event.dropped_attributes_count,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LinkJson<'a> {
    trace_id: TraceId,
    span_id: SpanId,
    #[serde(skip_serializing_if = "str::is_empty")]
    trace_state: &'a str,
    #[serde(skip_serializing_if = "KeyValues::is_empty")]
    attributes: KeyValues<'a>,
    #[serde(skip_serializing_if = "is_zero")]
    dropped_attributes_count: u32,
    #[serde(skip_serializing_if = "is_zero")]
    flags: u32,
}

impl<'a> From<&'a SpanLink> for LinkJson<'a> {
    fn from(link: &'a SpanLink) -> Self {
        Self {
            trace_id: link.trace_id,
            span_id: link.span_id,
            trace_state: &link.trace_state,
            attributes: KeyValues(&link.attributes),
            dropped_attributes_count: link.dropped_attributes_count,
            flags: link.flags,
        }
    }
}

#[derive(Serialize)]
struct StatusJson<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
    code: u8,
}

impl StatusJson<'_> {
    fn is_empty(&self) -> bool {
        self.code == 0 && self.message.is_empty()
    }
}

impl<'a> From<&'a Status> for StatusJson<'a> {
    fn from(status: &'a Status) -> Self {
        Self {
            message: &status.message,
            code: status.code.code(),
        }
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over a reference"
)]
fn is_zero(count: &u32) -> bool {
    *count == 0
}
