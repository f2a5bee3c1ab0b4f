//! Reads an `ExportTraceServiceRequest` in JSON, leniently and span by span.
//!
//! OTLP's JSON form (opentelemetry-proto, "JSON Protobuf Encoding") as senders really write it:
//! numbers as text or as numbers, enums as numbers or by name, `null` for what is missing, keys in
//! `camelCase` or `snake_case`. Unknown fields are ignored.

mod any_value;
mod capped;
mod lenient;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use throughline_wire::decode::{json_reason, repair_text};
use throughline_wire::{
    Attributes, InstrumentationScope, Mark, Marks, Resource, Span, SpanEvent, SpanId, SpanKind,
    SpanLink, Status, StatusCode, TraceId,
};

use self::any_value::KeyValues;
use self::capped::Capped;
use self::lenient::{Enum, Number};
use crate::request::{Group, Request, blank_span};

#[derive(Deserialize)]
#[serde(expecting = "a request object")]
struct JsonRequest<'a> {
    #[serde(borrow, default, alias = "resource_spans", rename = "resourceSpans")]
    resource_spans: Capped<'a>,
}

#[derive(Deserialize)]
#[serde(
    rename_all = "camelCase",
    expecting = "an object of resource and spans"
)]
struct JsonResourceSpans<'a> {
    #[serde(borrow)]
    resource: Option<&'a RawValue>,
    #[serde(borrow, default, alias = "scope_spans")]
    scope_spans: Capped<'a>,
    #[serde(default, alias = "schema_url")]
    schema_url: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", expecting = "a resource object")]
struct JsonResource {
    #[serde(default)]
    attributes: KeyValues,
    #[serde(default, alias = "dropped_attributes_count")]
    dropped_attributes_count: Number,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object of scope and spans")]
struct JsonScopeSpans<'a> {
    #[serde(borrow)]
    scope: Option<&'a RawValue>,
    #[serde(borrow, default)]
    spans: Capped<'a>,
    #[serde(default, alias = "schema_url")]
    schema_url: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", expecting = "a scope object")]
struct JsonScope {
    name: Option<String>,
    version: Option<String>,
    #[serde(default)]
    attributes: KeyValues,
    #[serde(default, alias = "dropped_attributes_count")]
    dropped_attributes_count: Number,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a span object")]
struct JsonSpan {
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
    events: Option<Vec<JsonEvent>>,
    #[serde(default, alias = "dropped_events_count")]
    dropped_events_count: Number,
    links: Option<Vec<JsonLink>>,
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

/// Reads the request.
///
/// # Errors
/// When the body is not such an object; names the line and the column, or the part. A span that
/// cannot be read is no error: it is among the rejected.
pub(super) fn decode(body: &[u8]) -> Result<Request, String> {
    let text = String::from_utf8_lossy(body);
    let lossy = matches!(text, Cow::Owned(_));
    let text = text.as_ref();
    let mut request = Request::default();
    if text.trim_ascii().is_empty() {
        return Ok(request);
    }
    let envelope: JsonRequest<'_> = object(text, "the request")?;
    for (at, raw) in envelope.resource_spans.0.into_iter().enumerate() {
        let place = format!("resourceSpans[{at}]");
        let spans: JsonResourceSpans<'_> = object(raw.get(), &place)?;
        resource_spans(spans, &place, lossy, &mut request)?;
    }
    Ok(request)
}

fn resource_spans(
    sent: JsonResourceSpans<'_>,
    place: &str,
    lossy: bool,
    request: &mut Request,
) -> Result<(), String> {
    let mut marks = Marks::NONE;
    let resource: JsonResource = match sent.resource {
        Some(raw) => part(raw.get(), lossy, &mut marks)
            .map_err(|error| format!("{place}.resource: {error}"))?,
        None => JsonResource::default(),
    };
    let resource = Resource {
        attributes: resource.attributes.into_attributes(&mut marks),
        dropped_attributes_count: resource.dropped_attributes_count.count(),
        schema_url: sent.schema_url.unwrap_or_default().into(),
    };
    let resource = request.add_resource(resource, marks);
    for (at, raw) in sent.scope_spans.0.into_iter().enumerate() {
        let place = format!("{place}.scopeSpans[{at}]");
        let sent: JsonScopeSpans<'_> = object(raw.get(), &place)?;
        let mut marks = Marks::NONE;
        let scope: JsonScope = match sent.scope {
            Some(raw) => part(raw.get(), lossy, &mut marks)
                .map_err(|error| format!("{place}.scope: {error}"))?,
            None => JsonScope::default(),
        };
        let scope = InstrumentationScope {
            name: scope.name.unwrap_or_default().into(),
            version: scope.version.unwrap_or_default().into(),
            attributes: scope.attributes.into_attributes(&mut marks),
            dropped_attributes_count: scope.dropped_attributes_count.count(),
            schema_url: sent.schema_url.unwrap_or_default().into(),
        };
        let mut group = Group::new(resource, scope, marks);
        for raw in sent.spans.0 {
            request.check_room()?;
            let mut marks = Marks::NONE;
            match part::<JsonSpan>(raw.get(), lossy, &mut marks)
                .and_then(|sent| span(sent, &mut marks))
            {
                Ok(span) => request.push(&mut group, span, marks),
                Err(reason) => request.reject(reason),
            }
        }
        request.groups.push(group);
    }
    Ok(())
}

/// Reads an object of borrowed parts.
fn object<'a, T: Deserialize<'a>>(text: &'a str, what: &str) -> Result<T, String> {
    if !text.trim_ascii_start().starts_with('{') {
        return Err(format!("{what}: line 1, column 1: expected an object"));
    }
    serde_json::from_str(text).map_err(|error| format!("{what}: {error}"))
}

/// Reads a part that is read whole; when that fails, once more with its text repaired. The error
/// names no line: the caller names the part.
fn part<T: DeserializeOwned>(raw: &str, lossy: bool, marks: &mut Marks) -> Result<T, String> {
    // Only known to be of this part when its own text has the replacement.
    if lossy && raw.contains(char::REPLACEMENT_CHARACTER) {
        marks.insert(Mark::InvalidUtf8);
    }
    if !raw.starts_with(['{', 'n']) {
        return Err("is not an object".to_owned());
    }
    let error = match parse(raw) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    match repair_text(raw, marks) {
        Some(repaired) => parse(&repaired).map_err(|error| json_reason(&error)),
        None => Err(json_reason(&error)),
    }
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    // An attribute nested 64 deep is 192 levels of JSON, beyond the default limit. What is read
    // here recurses only in attribute values, which stop at 64; all else is skipped iteratively.
    deserializer.disable_recursion_limit();
    T::deserialize(&mut deserializer)
}

fn span(sent: JsonSpan, marks: &mut Marks) -> Result<Span, String> {
    let id_error = |field: &str, error| format!("{field}: {error}");
    let mut span = blank_span();
    span.trace_id = sent
        .trace_id
        .unwrap_or_default()
        .parse::<TraceId>()
        .map_err(|error| id_error("traceId", error))?;
    span.span_id = sent
        .span_id
        .unwrap_or_default()
        .parse::<SpanId>()
        .map_err(|error| id_error("spanId", error))?;
    span.parent_span_id = match sent.parent_span_id.as_deref() {
        // Some senders write a root's missing parent as zeros.
        None | Some("" | "0000000000000000") => None,
        Some(id) => Some(
            id.parse()
                .map_err(|error| id_error("parentSpanId", error))?,
        ),
    };
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
    for event in sent.events.into_iter().flatten() {
        span.events.push(SpanEvent {
            time: event.time_unix_nano.instant_or_none(),
            name: event.name.unwrap_or_default().into(),
            attributes: event.attributes.into_attributes(marks),
            dropped_attributes_count: event.dropped_attributes_count.count(),
        });
    }
    for link in sent.links.into_iter().flatten() {
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
        trace_id: sent.trace_id?.parse().ok()?,
        span_id: sent.span_id?.parse().ok()?,
        trace_state: sent.trace_state.unwrap_or_default().into(),
        flags: sent.flags.count(),
        attributes: sent.attributes.into_attributes(marks),
        dropped_attributes_count: sent.dropped_attributes_count.count(),
    })
}

impl KeyValues {
    fn into_attributes(self, marks: &mut Marks) -> Attributes {
        marks.extend(self.marks);
        Attributes::from_pairs(self.pairs)
    }
}
