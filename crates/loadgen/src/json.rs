//! JSON templates for the native batch and for OTLP.

use serde_json::{Result, Value as Json, json};

use super::shape::{Pairs, SpanText, Value};
use super::template::{Field, INSTANT_DIGITS, Template};

const KINDS: [&str; 5] = ["internal", "server", "client", "producer", "consumer"];

/// Appends `"name":"<placeholder>"`, with a comma before it unless it is the first field.
fn field(out: &mut Template, name: &str, field: Field, span: u32) {
    if !out.bytes.ends_with(b"{") {
        out.bytes.push(b',');
    }
    out.bytes
        .extend_from_slice(format!("\"{name}\":\"").as_bytes());
    let width = match field {
        Field::Trace => 32,
        Field::Span | Field::Parent => 16,
        Field::Start | Field::End => INSTANT_DIGITS,
    };
    out.leave(field, span, width, b'0');
    out.bytes.push(b'"');
}

/// Appends `,"name":value`.
fn value(out: &mut Template, name: &str, value: &Json) -> Result<()> {
    out.bytes
        .extend_from_slice(format!(",\"{name}\":").as_bytes());
    serde_json::to_writer(&mut out.bytes, value)
}

/// The field names that differ between the two formats.
struct Names {
    trace: &'static str,
    span: &'static str,
    parent: &'static str,
    start: &'static str,
    end: &'static str,
    event_time: &'static str,
    attributes: fn(&Pairs) -> Json,
}

const NATIVE: Names = Names {
    trace: "trace_id",
    span: "span_id",
    parent: "parent_span_id",
    start: "start_ns",
    end: "end_ns",
    event_time: "time_ns",
    attributes: native_pairs,
};

const OTLP: Names = Names {
    trace: "traceId",
    span: "spanId",
    parent: "parentSpanId",
    start: "startTimeUnixNano",
    end: "endTimeUnixNano",
    event_time: "timeUnixNano",
    attributes: otlp_pairs,
};

fn native_pairs(pairs: &Pairs) -> Json {
    let pairs = pairs.iter().map(|(key, value)| {
        let value = match value {
            Value::Text(text) => json!(text),
            Value::Int(number) => json!(number),
        };
        ((*key).to_owned(), value)
    });
    Json::Object(pairs.collect())
}

fn otlp_pairs(pairs: &Pairs) -> Json {
    let pairs = pairs.iter().map(|(key, value)| {
        let value = match value {
            Value::Text(text) => json!({ "stringValue": text }),
            Value::Int(number) => json!({ "intValue": number.to_string() }),
        };
        json!({ "key": key, "value": value })
    });
    pairs.collect()
}

fn spans(out: &mut Template, names: &Names, spans: &[SpanText], is_native: bool) -> Result<()> {
    for (at, text) in spans.iter().enumerate() {
        let span = at as u32;
        if at > 0 {
            out.bytes.push(b',');
        }
        out.bytes.push(b'{');
        field(out, names.trace, Field::Trace, span);
        field(out, names.span, Field::Span, span);
        if !text.is_root {
            field(out, names.parent, Field::Parent, span);
        }
        field(out, names.start, Field::Start, span);
        field(out, names.end, Field::End, span);
        value(out, "name", &json!(text.name))?;
        let kind = usize::from(text.kind - 1);
        value(
            out,
            "kind",
            &if is_native {
                json!(KINDS[kind])
            } else {
                json!(text.kind)
            },
        )?;
        value(out, "attributes", &(names.attributes)(&text.attributes))?;
        if text.is_error {
            let code = if is_native { json!("error") } else { json!(2) };
            value(
                out,
                "status",
                &json!({ "code": code, "message": "upstream said no" }),
            )?;
        }
        if !text.events.is_empty() {
            out.bytes.extend_from_slice(b",\"events\":[");
            for (number, (name, attributes)) in text.events.iter().enumerate() {
                out.bytes
                    .extend_from_slice(if number > 0 { b",{" } else { b"{" });
                field(out, names.event_time, Field::Start, span);
                value(out, "name", &json!(name))?;
                value(out, "attributes", &(names.attributes)(attributes))?;
                out.bytes.push(b'}');
            }
            out.bytes.push(b']');
        }
        out.bytes.push(b'}');
    }
    Ok(())
}

fn service() -> Pairs {
    vec![("service.name", Value::Text("loadgen".to_owned()))]
}

/// Returns a native batch with these spans.
pub(super) fn native(texts: &[SpanText]) -> Result<Template> {
    let mut out = Template::default();
    let resource = json!({ "attributes": native_pairs(&service()) });
    out.bytes.extend_from_slice(b"{\"resource\":");
    serde_json::to_writer(&mut out.bytes, &resource)?;
    out.bytes.extend_from_slice(b",\"spans\":[");
    spans(&mut out, &NATIVE, texts, true)?;
    out.bytes.extend_from_slice(b"]}");
    Ok(out)
}

/// Returns an OTLP request with these spans.
pub(super) fn otlp(texts: &[SpanText]) -> Result<Template> {
    let mut out = Template::default();
    let resource = json!({ "attributes": otlp_pairs(&service()) });
    out.bytes
        .extend_from_slice(b"{\"resourceSpans\":[{\"resource\":");
    serde_json::to_writer(&mut out.bytes, &resource)?;
    out.bytes
        .extend_from_slice(b",\"scopeSpans\":[{\"scope\":{\"name\":\"loadgen\"},\"spans\":[");
    spans(&mut out, &OTLP, texts, false)?;
    out.bytes.extend_from_slice(b"]}]}]}");
    Ok(out)
}
