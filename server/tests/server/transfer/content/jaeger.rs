//! Reads Jaeger traces, and spans with their process.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{SpanContent, id, list, text, whole};

const NANOS_PER_MICRO: i128 = 1_000;

pub(super) fn spans(trace: &Value) -> Vec<SpanContent> {
    let sent = match trace.get("spans") {
        Some(Value::Array(spans)) => spans.as_slice(),
        _ => core::slice::from_ref(trace),
    };
    let processes = trace.get("processes").unwrap_or(&Value::Null);
    sent.iter().map(|sent| span(sent, processes)).collect()
}

fn span(sent: &Value, processes: &Value) -> SpanContent {
    let named = processes.get(text(sent, "processID"));
    let process = sent.get("process").or(named).unwrap_or(&Value::Null);
    let stored = sent.get("process").is_some() && sent.get("processID").is_none();
    let mut attributes = tags(list(sent, "tags"), stored);
    for (key, value) in sent
        .get("tag")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        attributes.insert(key.replace('@', "."), value.clone());
    }
    let start = whole(sent, "startTime").unwrap_or_default();
    let end = start + whole(sent, "duration").unwrap_or_default();
    let trace = id(sent.get("traceID"), 32);
    let (parent, links) = references(sent, &trace);
    let mut sent = SpanContent {
        span: id(sent.get("spanID"), 16),
        parent: Some(parent),
        name: text(sent, "operationName"),
        start: Some(start * NANOS_PER_MICRO),
        end: Some(end * NANOS_PER_MICRO),
        service: text(process, "serviceName"),
        events: list(sent, "logs")
            .iter()
            .map(|log| event(log, stored))
            .collect(),
        trace,
        attributes,
        links,
        ..SpanContent::default()
    };
    take_fields(&mut sent);
    sent
}

/// Moves the tags for which OpenTelemetry has fields.
fn take_fields(sent: &mut SpanContent) {
    const KINDS: [&str; 5] = ["internal", "server", "client", "producer", "consumer"];
    let attributes = &mut sent.attributes;
    let kind = attributes.get("span.kind").and_then(Value::as_str);
    if let Some(at) = KINDS.iter().position(|known| Some(*known) == kind) {
        sent.kind = at as u64 + 1;
        attributes.remove("span.kind");
    }
    let error = attributes.get("error").map(Value::to_string);
    let error = error.as_deref().map(|text| text.trim_matches('"'));
    if matches!(error, Some("true" | "false")) {
        sent.failed = error == Some("true");
        attributes.remove("error");
    }
    match attributes.get("otel.status_code").and_then(Value::as_str) {
        Some("ERROR") => sent.failed = true,
        Some("OK") => sent.failed = false,
        _ => {}
    }
    sent.message = attributes
        .get("otel.status_description")
        .and_then(|text| text.as_str().map(str::to_owned));
    attributes.retain(|key, _| {
        let elsewhere = [
            "otel.status_",
            "otel.scope.",
            "otel.library.",
            "w3c.tracestate",
        ];
        !elsewhere.iter().any(|start| key.starts_with(start))
    });
}

/// Returns the parent, and the other references.
fn references(sent: &Value, trace: &str) -> (String, Vec<(String, String)>) {
    let all: Vec<_> = list(sent, "references")
        .iter()
        .map(|it| {
            (
                text(it, "refType"),
                id(it.get("traceID"), 32),
                id(it.get("spanID"), 16),
            )
        })
        .filter(|(.., span)| !span.is_empty())
        .collect();
    let own = |(_, of, _): &&(String, String, String)| of == trace;
    let child = all.iter().filter(own).find(|(kind, ..)| kind == "CHILD_OF");
    let parent = child.or_else(|| all.iter().find(own));
    let parent = parent.map_or_else(
        || id(sent.get("parentSpanID"), 16),
        |(.., span)| span.clone(),
    );
    let links = all
        .into_iter()
        .filter(|(kind, of, span)| !(kind == "CHILD_OF" && of == trace && *span == parent))
        .map(|(_, of, span)| (of, span))
        .collect();
    (parent, links)
}

fn event(log: &Value, stored: bool) -> (i128, String, BTreeMap<String, Value>) {
    let mut fields = tags(list(log, "fields"), stored);
    let name = fields.get("event").and_then(Value::as_str);
    let name = name.filter(|name| !name.is_empty()).map(str::to_owned);
    if name.is_some() {
        fields.remove("event");
    }
    let name = name.unwrap_or_else(|| "log".to_owned());
    let time = whole(log, "timestamp").unwrap_or_default();
    (time * NANOS_PER_MICRO, name, fields)
}

fn tags(tags: &[Value], stored: bool) -> BTreeMap<String, Value> {
    let tags = tags.iter();
    tags.map(|tag| (text(tag, "key"), value(tag, stored)))
        .collect()
}

/// Returns the value of a tag by its type. In the storage form, bytes are hexadecimal.
fn value(tag: &Value, stored: bool) -> Value {
    let value = tag.get("value").cloned().unwrap_or_default();
    let typed = value.as_str().and_then(|text| {
        Some(match tag.get("type").and_then(Value::as_str)? {
            "bool" => json!(text.parse::<bool>().ok()?),
            "int64" => json!(text.parse::<i64>().ok()?),
            "float64" => json!(text.parse::<f64>().ok()?),
            "binary" if stored => {
                let pairs = (0..text.len()).step_by(2);
                let bytes = pairs.map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok());
                json!({"bytes": STANDARD.encode(bytes.collect::<Option<Vec<u8>>>()?)})
            }
            "binary" => json!({"bytes": text}),
            _ => return None,
        })
    });
    if tag.get("type").is_some_and(|kind| kind == "float64") && value.is_number() {
        return json!(value.as_f64());
    }
    typed.unwrap_or(value)
}
