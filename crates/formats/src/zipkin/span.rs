//! Decodes one Zipkin span.

use core::fmt;
use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;
use throughline_codec::context::DecodeContext;
use throughline_codec::json::{FirstItems, ReadJson};
use throughline_codec::json_struct;
use throughline_codec::pairs::{AttributeSet, Pairs};
use throughline_wire::{
    AttributeValue, Attributes, Repair, Span, SpanEvent, SpanId, SpanKind, Status, StatusCode,
    TraceId, UnixNanos,
};

use super::endpoint::JsonEndpoint;
use super::{DEBUG, SHARED};
use crate::lenient::{Enum, Number, Text};
use crate::request::blank_span;

const NANOS_PER_MICRO: i128 = 1_000;

json_struct! {
    pub(super) struct JsonSpan: "a span object" {
        trace_id: String = "traceId";
        id: String = "id";
        parent_id: Option<String> = "parentId";
        kind: Enum = "kind";
        name: Text = "name";
        timestamp: Number = "timestamp";
        duration: Number = "duration";
        debug: Option<bool> = "debug";
        shared: Option<bool> = "shared";
        local_endpoint: Option<JsonEndpoint> = "localEndpoint";
        remote_endpoint: Option<JsonEndpoint> = "remoteEndpoint";
        annotations: FirstItems<JsonAnnotation> = "annotations";
        tags: Tags = "tags";
        /// A field of version 1.
        binary_annotations: Option<IgnoredAny> = "binaryAnnotations";
    }
}

#[derive(Deserialize)]
#[serde(expecting = "an annotation object")]
struct JsonAnnotation {
    #[serde(default)]
    timestamp: Number,
    #[serde(default)]
    value: String,
}

/// A span with its service and instrumentation scope.
pub(super) struct ReadSpan {
    pub(super) span: Span,
    /// The name of the service; empty if the span names none.
    pub(super) service: String,
    pub(super) scope_name: String,
    pub(super) scope_version: String,
}

/// The names of span kinds, in the order of OTLP's numbers. A span without a kind is internal.
const KINDS: [&str; 6] = ["", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"];

/// Converts a span, or returns the reason why it is not a valid span.
pub(super) fn read(sent: JsonSpan, context: &mut DecodeContext) -> Result<ReadSpan, String> {
    if sent.binary_annotations.is_some() {
        return Err("binaryAnnotations: is Zipkin's version 1; send version 2".to_owned());
    }
    let mut span = blank_span();
    span.trace_id = trace_id(&sent.trace_id).map_err(|error| format!("traceId: {error}"))?;
    span.span_id = span_id(&sent.id).map_err(|error| format!("id: {error}"))?;
    span.parent_span_id = match sent.parent_id.as_deref() {
        None => None,
        Some(id) if id.bytes().all(|byte| byte == b'0') => None,
        Some(id) => Some(span_id(id).map_err(|error| format!("parentId: {error}"))?),
    };
    span.name = sent.name.0.into();
    span.kind = match SpanKind::from_code(sent.kind.code("", &KINDS)) {
        SpanKind::Unspecified => SpanKind::Internal,
        kind => kind,
    };
    span.start = instant(sent.timestamp.whole());
    if sent.duration != Number::default() {
        let end = sent.timestamp.whole().saturating_add(sent.duration.whole());
        span.end = instant(end);
    }
    let dropped = &mut span.dropped_attributes_count;
    span.attributes = sent.tags.0.into_attributes(dropped, context);
    span.status = take_status(&mut span.attributes);
    if sent.debug == Some(true) {
        span.attributes.insert(DEBUG, true);
    }
    if sent.shared == Some(true) {
        span.attributes.insert(SHARED, true);
    }
    let dropped = &mut span.dropped_events_count;
    context.drop_items(sent.annotations.beyond, dropped, Repair::EventsDropped);
    for annotation in sent.annotations.items {
        span.events.push(SpanEvent {
            time: instant(annotation.timestamp.whole()),
            name: annotation.value.into(),
            attributes: Attributes::EMPTY,
            dropped_attributes_count: 0,
        });
    }
    let local = sent.local_endpoint.unwrap_or_default();
    local.note_local(&mut span.attributes);
    if let Some(remote) = sent.remote_endpoint {
        remote.note_remote(span.kind, &mut span.attributes);
    }
    let mut scope = |names: [&str; 2]| {
        let mut texts = names
            .into_iter()
            .filter_map(|name| take_text(&mut span.attributes, name));
        texts.next().unwrap_or_default()
    };
    Ok(ReadSpan {
        scope_name: scope(["otel.scope.name", "otel.library.name"]),
        scope_version: scope(["otel.scope.version", "otel.library.version"]),
        span,
        service: local.service_name.0,
    })
}

/// Parses a trace id of 1 to 32 hexadecimal characters, padded with zeros on the left.
fn trace_id(text: &str) -> Result<TraceId, <TraceId as core::str::FromStr>::Err> {
    padded(text, 32).parse()
}

fn span_id(text: &str) -> Result<SpanId, <SpanId as core::str::FromStr>::Err> {
    padded(text, 16).parse()
}

fn padded(text: &str, length: usize) -> Cow<'_, str> {
    if text.is_empty() || text.len() >= length {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(format!("{text:0>length$}"))
    }
}

/// Converts microseconds to an instant, clamped to the valid range. Validation handles the clamped
/// ends.
fn instant(micros: i128) -> UnixNanos {
    let nanos = micros.saturating_mul(NANOS_PER_MICRO);
    UnixNanos::new(nanos.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
}

/// Tags as attributes, sorted by key, within the decode budget. `null` is an empty list.
#[derive(Default)]
struct Tags(AttributeSet);

impl<'de> ReadJson<'de> for Tags {
    fn read_json<D: Deserializer<'de>>(
        deserializer: D,
        context: &mut DecodeContext,
    ) -> Result<Self, D::Error> {
        struct Entries<'c>(&'c mut DecodeContext);

        impl<'de> Visitor<'de> for Entries<'_> {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Pairs, E> {
                Ok(Pairs::default())
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Pairs::default();
                while pairs.take(1, self.0) {
                    match map.next_entry::<String, Tag>()? {
                        Some((key, value)) => pairs.push(key.into(), value.0),
                        None => return Ok(pairs),
                    }
                }
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                    pairs.leave_out(1);
                }
                Ok(pairs)
            }
        }

        let mut tags = deserializer.deserialize_any(Entries(context))?.into_set();
        // Zipkin does not order tags. Sorting makes retries of a span identical.
        let entries = tags.attributes.entries_mut();
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(Self(tags))
    }
}

/// The value of a tag. Zipkin's tags are texts. Other values are kept too, lists and objects as
/// JSON of any depth.
struct Tag(AttributeValue);

impl<'de> Deserialize<'de> for Tag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let text = raw.get();
        Ok(Self(match text.as_bytes().first() {
            Some(b'"') => {
                let text: String = serde_json::from_str(text).map_err(de::Error::custom)?;
                text.into()
            }
            Some(b't') => true.into(),
            Some(b'f') => false.into(),
            Some(b'n') => AttributeValue::Empty,
            Some(b'-' | b'0'..=b'9') => number(text),
            _ => text.to_owned().into(),
        }))
    }
}

fn number(text: &str) -> AttributeValue {
    if let Ok(whole) = text.parse::<i64>() {
        return whole.into();
    }
    match text.parse::<f64>() {
        Ok(double) if double.is_finite() && text.contains(['.', 'e', 'E']) => double.into(),
        // Numbers beyond 64 bits or a double become a text, so that no digit is lost.
        _ => text.to_owned().into(),
    }
}

fn take_text(attributes: &mut Attributes, key: &str) -> Option<String> {
    attributes.get_str(key)?;
    match attributes.remove(key) {
        Some(AttributeValue::Str(text)) => Some(text.into_owned()),
        _ => None,
    }
}

/// Takes the status from the tags. The tag `error` says that a span failed, and usually why.
/// OpenTelemetry's exporters write the status in tags of their own as well.
fn take_status(attributes: &mut Attributes) -> Status {
    let code = match attributes.get_str("otel.status_code") {
        Some("OK") => Some(StatusCode::Ok),
        Some("ERROR") => Some(StatusCode::Error),
        _ => None,
    };
    if code.is_some() {
        attributes.remove("otel.status_code");
    }
    let failed = match attributes.get("error") {
        None | Some(AttributeValue::Bool(false)) => false,
        Some(AttributeValue::Str(text)) => text != "false",
        Some(_) => true,
    };
    if code == Some(StatusCode::Ok) || !(failed || code.is_some()) {
        return Status {
            code: code.unwrap_or_default(),
            message: "".into(),
        };
    }
    let error = take_text(attributes, "error").filter(|text| text != "true");
    let described = take_text(attributes, "otel.status_description");
    let message = error.filter(|text| !text.is_empty()).or(described);
    Status {
        code: StatusCode::Error,
        message: message.unwrap_or_default().into(),
    }
}
