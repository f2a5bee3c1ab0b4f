//! Converts one Jaeger span: references become its parent and links, logs become events, and some
//! tags become fields.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use throughline_codec::context::DecodeContext;
use throughline_codec::json::FirstItems;
use throughline_codec::json_struct;
use throughline_wire::{
    AttributeValue, Attributes, Repair, Span, SpanEvent, SpanId, SpanKind, SpanLink, Status,
    StatusCode, TraceId, UnixNanos,
};

use super::tag::{BytesEncoding, Tags, together};
use super::{WARNINGS, ids};
use crate::request::blank_span;

/// The attribute with the reference kind of a link (OpenTelemetry semantic conventions,
/// "`OpenTracing`").
const REF_TYPE: &str = "opentracing.ref_type";
/// The name of an event whose log has no field `event`.
const UNNAMED_LOG: &str = "log";
const NANOS_PER_MICRO: i64 = 1_000;
/// Jaeger's flag for a sampled span. W3C uses the same bit. W3C has no equivalent for Jaeger's
/// other flags.
const SAMPLED: u32 = 1;

json_struct! {
    pub(super) struct JsonSpan: "a span object" {
        trace_id: String = "traceID";
        span_id: String = "spanID";
        /// The parent in the form of older versions, in place of a reference.
        parent_span_id: Option<String> = "parentSpanID";
        flags: Option<u32> = "flags";
        operation_name: Option<String> = "operationName";
        references: FirstItems<JsonReference> = "references";
        start_time: Option<i64> = "startTime";
        duration: Option<i64> = "duration";
        tags: Tags = "tags";
        /// Further tags, from Elasticsearch storage.
        tag: Tags = "tag";
        logs: FirstItems<JsonLog> = "logs";
        pub(super) process_id: Option<String> = "processID";
        pub(super) process: Option<Box<RawValue>> = "process";
        warnings: Option<Vec<String>> = "warnings";
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a reference object")]
struct JsonReference {
    #[serde(default)]
    ref_type: String,
    #[serde(rename = "traceID", default)]
    trace_id: String,
    #[serde(rename = "spanID", default)]
    span_id: String,
}

json_struct! {
    struct JsonLog: "a log object" {
        timestamp: Option<i64> = "timestamp";
        fields: Tags = "fields";
    }
}

/// A span and the instrumentation scope that its tags name.
pub(super) struct ReadSpan {
    pub(super) span: Span,
    pub(super) scope_name: Cow<'static, str>,
    pub(super) scope_version: Cow<'static, str>,
}

/// Converts a span, or returns the reason why it is not a valid span.
pub(super) fn read(
    sent: JsonSpan,
    form: BytesEncoding,
    context: &mut DecodeContext,
) -> Result<ReadSpan, String> {
    let mut span = blank_span();
    span.trace_id = ids::trace_id(&sent.trace_id)?;
    span.span_id = ids::span_id(&sent.span_id, "spanID")?;
    span.name = sent.operation_name.unwrap_or_default().into();
    span.flags = sent.flags.unwrap_or_default() & SAMPLED;
    span.start = match sent.start_time {
        None => return Err("startTime: is missing".to_owned()),
        // Some senders write 0 for a missing time. The span would otherwise start in 1970.
        Some(0) => return Err("startTime: is zero".to_owned()),
        time => instant(time),
    };
    // Without a duration the end stays missing.
    if let Some(duration) = sent.duration {
        span.end = span.start.saturating_add(nanos(duration));
    }
    relate(
        &mut span,
        sent.references,
        sent.parent_span_id.as_deref(),
        context,
    );
    let tags = together([sent.tags, sent.tag], form, Vec::new());
    let dropped = &mut span.dropped_attributes_count;
    span.attributes = tags.into_attributes(dropped, context);
    let dropped = &mut span.dropped_events_count;
    context.drop_items(sent.logs.beyond, dropped, Repair::EventsDropped);
    span.events = sent
        .logs
        .items
        .into_iter()
        .map(|log| event(log, form, context))
        .collect();
    let scope_name = take_text(
        &mut span.attributes,
        &["otel.scope.name", "otel.library.name"],
    );
    let scope_version = take_text(
        &mut span.attributes,
        &["otel.scope.version", "otel.library.version"],
    );
    take_fields(&mut span);
    if let Some(warnings) = sent.warnings.filter(|warnings| !warnings.is_empty()) {
        let texts = warnings.into_iter().map(AttributeValue::from).collect();
        span.attributes
            .insert(WARNINGS, AttributeValue::Array(texts));
    }
    Ok(ReadSpan {
        span,
        scope_name,
        scope_version,
    })
}

fn nanos(micros: i64) -> i64 {
    micros.saturating_mul(NANOS_PER_MICRO)
}

fn instant(micros: Option<i64>) -> UnixNanos {
    UnixNanos::new(nanos(micros.unwrap_or_default()))
}

/// Sets the parent and the links from the references. As in Jaeger's UI, the parent is the first
/// `CHILD_OF` reference within the trace, or else the first `FOLLOWS_FROM` reference within it.
/// Every other reference becomes a link, and so does a parent by `FOLLOWS_FROM`. A reference to a
/// span id of zeros is ignored: some exporters write it for "no parent".
fn relate(
    span: &mut Span,
    references: FirstItems<JsonReference>,
    parent: Option<&str>,
    context: &mut DecodeContext,
) {
    let dropped = &mut span.dropped_links_count;
    context.drop_items(references.beyond, dropped, Repair::LinksDropped);
    let read: Vec<(String, TraceId, SpanId)> = references
        .items
        .into_iter()
        .filter(|sent| sent.span_id.bytes().any(|byte| byte != b'0'))
        .filter_map(|sent| {
            let ids = (
                ids::trace_id(&sent.trace_id),
                ids::span_id(&sent.span_id, "spanID"),
            );
            if let (Ok(trace_id), Ok(span_id)) = ids {
                return Some((sent.ref_type, trace_id, span_id));
            }
            context.repair(Repair::LinksDropped);
            span.dropped_links_count = span.dropped_links_count.saturating_add(1);
            None
        })
        .collect();
    let own = |(_, trace_id, _): &&(String, TraceId, SpanId)| *trace_id == span.trace_id;
    let is_child = |kind: &str| kind == "CHILD_OF";
    let first = read
        .iter()
        .filter(own)
        .find(|(kind, ..)| is_child(kind))
        .or_else(|| read.iter().find(own));
    span.parent_span_id = first
        .map(|(_, _, span_id)| *span_id)
        .or_else(|| ids::span_id(parent?, "parentSpanID").ok());
    for (kind, trace_id, span_id) in read {
        if is_child(&kind) && trace_id == span.trace_id && Some(span_id) == span.parent_span_id {
            continue;
        }
        let mut attributes = Attributes::default();
        attributes.insert(REF_TYPE, kind.to_ascii_lowercase());
        span.links.push(SpanLink {
            trace_id,
            span_id,
            trace_state: "".into(),
            flags: 0,
            attributes,
            dropped_attributes_count: 0,
        });
    }
}

/// Converts a log to an event. The field `event` is the name of the event, as `OpenTracing` says.
fn event(log: JsonLog, form: BytesEncoding, context: &mut DecodeContext) -> SpanEvent {
    let mut dropped_attributes_count = 0;
    let fields = log.fields.into_set(form);
    let mut fields = fields.into_attributes(&mut dropped_attributes_count, context);
    let name = take_text(&mut fields, &["event"]);
    SpanEvent {
        time: instant(log.timestamp),
        name: if name.is_empty() {
            UNNAMED_LOG.into()
        } else {
            name
        },
        attributes: fields,
        dropped_attributes_count,
    }
}

/// Removes the first of `keys` that holds a text and returns the text. Other attributes stay.
fn take_text(attributes: &mut Attributes, keys: &[&str]) -> Cow<'static, str> {
    for key in keys {
        if attributes.get_str(key).is_some()
            && let Some(AttributeValue::Str(text)) = attributes.remove(key)
        {
            return text;
        }
    }
    Cow::Borrowed("")
}

/// Moves tags to span fields. OpenTelemetry exporters write these fields as tags, because Jaeger
/// has no field for them.
fn take_fields(span: &mut Span) {
    let kind = span.attributes.get_str("span.kind").and_then(kind);
    if let Some(kind) = kind {
        span.kind = kind;
        span.attributes.remove("span.kind");
    }
    span.trace_state = take_text(&mut span.attributes, &["w3c.tracestate"]);
    let code = match span.attributes.get_str("otel.status_code") {
        Some("OK") => Some(StatusCode::Ok),
        Some("ERROR") => Some(StatusCode::Error),
        _ => None,
    };
    if code.is_some() {
        span.attributes.remove("otel.status_code");
    }
    let failed = match span.attributes.get("error") {
        Some(AttributeValue::Bool(failed)) => Some(*failed),
        Some(AttributeValue::Str(text)) => text.parse().ok(),
        _ => None,
    };
    // The status now says that the span failed. Other values of `error` have more information and
    // stay.
    if failed.is_some() {
        span.attributes.remove("error");
    }
    span.status = Status {
        code: match (code, failed) {
            (Some(code), _) => code,
            (None, Some(true)) => StatusCode::Error,
            (None, _) => StatusCode::Unset,
        },
        message: take_text(&mut span.attributes, &["otel.status_description"]),
    };
}

fn kind(word: &str) -> Option<SpanKind> {
    Some(match word {
        "internal" => SpanKind::Internal,
        "server" => SpanKind::Server,
        "client" => SpanKind::Client,
        "producer" => SpanKind::Producer,
        "consumer" => SpanKind::Consumer,
        _ => return None,
    })
}
