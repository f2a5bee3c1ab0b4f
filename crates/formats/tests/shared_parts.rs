//! Many small scopes under one large resource, in each format: the resource exists once.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Value, json};
use throughline_codec::binary::writer;
use throughline_codec::budget::PART_BYTES;
use throughline_formats::{Request, SpanGroup, jaeger, otlp, zipkin};
use throughline_wire::{Limits, UnixNanos};

const NOW: UnixNanos = UnixNanos::new(1_800_000_000_000_000_000);
const SCOPES: usize = 200;
const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

fn groups(request: Request) -> Vec<SpanGroup> {
    let validated = request.validate(&Limits::default(), NOW);
    assert_eq!(validated.rejected, []);
    validated.groups
}

fn span_id(at: usize) -> String {
    format!("{:016x}", at + 1)
}

fn large() -> String {
    "v".repeat(1 << 20)
}

/// Checks that all groups share one resource and have a scope each.
fn check_shared(groups: &[SpanGroup]) {
    assert_eq!(groups.len(), SCOPES);
    let resources = groups.iter().map(|group| Arc::as_ptr(&group.resource));
    assert_eq!(resources.collect::<HashSet<_>>().len(), 1);
    let scopes = groups.iter().map(|group| group.scope.name.clone());
    assert_eq!(scopes.collect::<HashSet<_>>().len(), SCOPES);
    let attributes = &groups[0].resource.attributes;
    let texts = attributes.iter().filter_map(|(_, value)| value.as_str());
    assert!(texts.map(str::len).sum::<usize>() >= 10_000);
}

fn message(field: u32, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    writer::bytes(field, content, &mut out);
    out
}

fn text_attribute(key: &str, value: &str) -> Vec<u8> {
    let value = message(1, value.as_bytes());
    [message(1, key.as_bytes()), message(2, &value)].concat()
}

#[test]
fn otlp_protobuf() {
    let mut content = message(1, &message(1, &text_attribute("large", &large())));
    for at in 0..SCOPES {
        let scope = message(1, format!("scope {at}").as_bytes());
        let mut span = message(1, &[1; 16]);
        span.extend(message(2, &(at as u64 + 1).to_be_bytes()));
        // The start.
        span.extend([0x39]);
        span.extend((NOW.get() as u64).to_le_bytes());
        let items = [message(1, &scope), message(2, &span)].concat();
        content.extend(message(2, &items));
    }
    let body = message(1, &content);
    let request = otlp::decode_protobuf(&body).expect("decodes");
    check_shared(&groups(request));
}

#[test]
fn otlp_json_spans_and_log_records() {
    let resource = json!({"attributes": [{"key": "large", "value": {"stringValue": large()}}]});
    let time = NOW.get().to_string();
    let spans = (0..SCOPES).map(|at| {
        json!({
            "scope": {"name": format!("scope {at}")},
            "spans": [{"traceId": TRACE_ID, "spanId": span_id(at), "startTimeUnixNano": time}],
        })
    });
    let body = json!({"resourceSpans": [
        {"resource": resource, "scopeSpans": spans.collect::<Value>()},
    ]});
    let request = otlp::decode_json(body.to_string().as_bytes());
    check_shared(&groups(request.expect("decodes")));
    let records = (0..SCOPES).map(|at| {
        json!({
            "scope": {"name": format!("scope {at}")},
            "logRecords": [{"timeUnixNano": time}],
        })
    });
    let body = json!({"resourceLogs": [
        {"resource": resource, "scopeLogs": records.collect::<Value>()},
    ]});
    let request = otlp::decode_logs_json(body.to_string().as_bytes());
    check_shared(&groups(request.expect("decodes")));
}

/// Returns Jaeger's spans, each of its own scope, with further fields.
fn jaeger_spans(fields: &Value) -> Vec<Value> {
    let span = |at: usize| {
        let scope = json!({"key": "otel.scope.name", "type": "string", "value": at.to_string()});
        let mut span = json!({
            "traceID": TRACE_ID, "spanID": span_id(at), "operationName": "o",
            "startTime": NOW.get() / 1_000, "duration": 1, "tags": [scope],
        });
        let span_fields = span.as_object_mut().expect("an object");
        span_fields.extend(fields.as_object().expect("an object").clone());
        span
    };
    (0..SCOPES).map(span).collect()
}

#[test]
fn jaeger_processes_of_a_trace() {
    let tag = json!({"key": "large", "type": "string", "value": large()});
    let body = json!({"data": [{
        "traceID": TRACE_ID,
        "spans": jaeger_spans(&json!({"processID": "p1"})),
        "processes": {"p1": {"serviceName": "shop", "tags": [tag]}},
    }]});
    let request = jaeger::decode(body.to_string().as_bytes());
    check_shared(&groups(request.expect("decodes")));
}

#[test]
fn jaeger_spans_that_contain_equal_processes_share_one() {
    // The process is in each span, so it is smaller.
    let tag = json!({"key": "large", "type": "string", "value": "v".repeat(10_000)});
    let process = json!({"process": {"serviceName": "shop", "tags": [tag]}});
    let body = Value::Array(jaeger_spans(&process));
    let request = jaeger::decode(body.to_string().as_bytes());
    check_shared(&groups(request.expect("decodes")));
}

#[test]
fn zipkin_services_of_equal_names() {
    // The name is in each span, so it is smaller.
    let name = "n".repeat(10_000);
    let spans = (0..SCOPES).map(|at| {
        json!({
            "traceId": TRACE_ID, "id": span_id(at), "timestamp": NOW.get() / 1_000,
            "localEndpoint": {"serviceName": name},
            "tags": {"otel.scope.name": format!("scope {at}")},
        })
    });
    let body = Value::Array(spans.collect()).to_string();
    check_shared(&groups(zipkin::decode(body.as_bytes()).expect("decodes")));
}

#[test]
fn a_resource_over_the_limit_of_a_part_is_cut_before_it_is_shared() {
    let attribute = |at: usize| json!({"key": at.to_string(), "value": {"stringValue": large()}});
    let resource = json!({"attributes": (0..10).map(attribute).collect::<Value>()});
    let span = json!({
        "traceId": TRACE_ID, "spanId": span_id(0), "startTimeUnixNano": NOW.get().to_string(),
    });
    let body = json!({"resourceSpans": [
        {"resource": resource, "scopeSpans": [{"spans": [span]}]},
    ]});
    let request = otlp::decode_json(body.to_string().as_bytes());
    let groups = groups(request.expect("decodes"));
    let resource = &groups[0].resource;
    let texts = resource
        .attributes
        .iter()
        .filter_map(|(_, value)| value.as_str());
    assert!(texts.map(str::len).sum::<usize>() <= PART_BYTES);
    assert_eq!(resource.dropped_attributes_count, 7);
}
