//! Tests of the conversion of each part of Jaeger's JSON.

use serde_json::{Value, json};
use throughline_codec::budget::{SET_PAIRS, VALUE_ITEMS};
use throughline_wire::{
    AttributeValue, Limits, Repair, RepairSet, Span, SpanKind, StatusCode, UnixNanos,
};

use super::{TRACE_WARNINGS, WARNINGS, decode};
use crate::Validated;

const NOW: UnixNanos = UnixNanos::new(1_517_214_600_000_000_000);

fn read(body: &Value) -> Validated {
    decode(body.to_string().as_bytes())
        .expect("Jaeger's JSON")
        .validate(&Limits::default(), NOW)
}

fn span(fields: Value) -> Value {
    let mut span = json!({
        "traceID": "95b8f374e549297f",
        "spanID": "f60e01dad7faf91f",
        "operationName": "serialize",
        "startTime": 1_517_214_533_883_000_i64,
        "duration": 456,
        "processID": "p1",
    });
    let (Some(span_fields), Value::Object(fields)) = (span.as_object_mut(), fields) else {
        panic!("objects");
    };
    span_fields.extend(fields);
    span
}

fn body(spans: &[Value]) -> Value {
    let host = json!({"key": "hostname", "type": "string", "value": "a.local"});
    json!({
        "data": [{
            "traceID": "95b8f374e549297f",
            "spans": spans,
            "processes": {"p1": {"serviceName": "shop", "tags": [host]}},
            "warnings": null,
        }],
        "total": 0, "limit": 0, "offset": 0, "errors": null,
    })
}

fn read_one(fields: Value) -> Span {
    let mut read = read(&body(&[span(fields)]));
    assert_eq!(read.rejected, []);
    read.groups.remove(0).spans.remove(0)
}

fn tag(key: &str, kind: &str, value: impl Into<Value>) -> Value {
    json!({"key": key, "type": kind, "value": value.into()})
}

#[test]
fn a_short_trace_id_is_padded_and_microseconds_become_nanoseconds() {
    let span = read_one(json!({"spanID": "1f", "flags": 3}));
    assert_eq!(
        span.trace_id.to_string(),
        "000000000000000095b8f374e549297f"
    );
    assert_eq!(span.span_id.to_string(), "000000000000001f");
    assert_eq!(span.start, UnixNanos::new(1_517_214_533_883_000_000));
    assert_eq!(span.duration_ns(), 456_000);
    assert_eq!(span.flags, 1, "the debug flag is none of W3C's");
}

#[test]
fn a_process_becomes_the_resource_of_its_spans() {
    let read = read(&body(&[span(json!({}))]));
    assert_eq!(read.groups[0].resource.service_name(), "shop");
    let host = read.groups[0].resource.attributes.get_str("hostname");
    assert_eq!(host, Some("a.local"));
}

#[test]
fn a_span_of_an_unknown_process_has_no_service() {
    let read = read(&body(&[span(json!({"processID": "p9"}))]));
    assert_eq!(read.groups[0].resource.service_name(), "unknown_service");
    assert_eq!(read.groups[0].spans.len(), 1);
}

#[test]
fn a_child_of_reference_is_the_parent_and_others_are_links() {
    let reference = |kind: &str, trace: &str, span: &str| json!({"refType": kind, "traceID": trace, "spanID": span});
    let own = "95b8f374e549297f";
    let span = read_one(json!({"references": [
        reference("FOLLOWS_FROM", own, "a1"),
        reference("CHILD_OF", "77", "a2"),
        reference("CHILD_OF", own, "a3"),
        reference("CHILD_OF", own, "not hex"),
        reference("CHILD_OF", "0", "0000000000000000"),
    ]}));
    let parent = span.parent_span_id.map(|id| id.to_string());
    assert_eq!(parent.as_deref(), Some("00000000000000a3"));
    let links: Vec<_> = span
        .links
        .iter()
        .map(|link| {
            let kind = link.attributes.get_str("opentracing.ref_type");
            (link.span_id.to_string(), kind.unwrap_or_default())
        })
        .collect();
    assert_eq!(
        links,
        [
            ("00000000000000a1".to_owned(), "follows_from"),
            ("00000000000000a2".to_owned(), "child_of"),
        ]
    );
    assert_eq!(span.dropped_links_count, 1, "the unreadable one is counted");
}

#[test]
fn a_reference_to_zero_ids_makes_a_root() {
    for trace in ["95b8f374e549297f", "0", ""] {
        let zeros = json!({"refType": "CHILD_OF", "traceID": trace, "spanID": "0000000000000000"});
        let span = read_one(json!({"references": [zeros]}));
        assert_eq!((span.parent_span_id, span.dropped_links_count), (None, 0));
        assert!(span.attributes.is_empty() && span.links.is_empty());
    }
}

#[test]
fn a_follows_from_reference_alone_is_the_parent_and_a_link() {
    let own = "95b8f374e549297f";
    let span = read_one(json!({"references": [
        {"refType": "FOLLOWS_FROM", "traceID": own, "spanID": "a1"},
    ]}));
    assert!(span.parent_span_id.is_some());
    assert_eq!(span.links.len(), 1);
}

#[test]
fn the_older_parent_field_is_used_without_references() {
    let span = read_one(json!({"parentSpanID": "b7"}));
    let parent = span.parent_span_id.map(|id| id.to_string());
    assert_eq!(parent.as_deref(), Some("00000000000000b7"));
}

#[test]
fn tags_keep_their_types() {
    let span = read_one(json!({"tags": [
        tag("text", "string", "x"),
        tag("truth", "bool", true),
        tag("truth.text", "bool", "true"),
        tag("whole", "int64", 9_007_199_254_740_993_i64),
        tag("whole.text", "int64", "9007199254740993"),
        tag("double", "float64", 1),
        tag("bytes", "binary", "AP8="),
        tag("odd", "int64", "many"),
        tag("huge", "int64", u64::MAX),
        {"key": "list", "value": [1, "a", null]},
    ]}));
    let value = |key: &str| span.attributes.get(key).expect("present").clone();
    assert_eq!(value("text"), "x".into());
    assert_eq!(value("truth"), true.into());
    assert_eq!(value("truth.text"), true.into());
    assert_eq!(value("whole"), 9_007_199_254_740_993_i64.into());
    assert_eq!(value("whole.text"), 9_007_199_254_740_993_i64.into());
    assert_eq!(value("double"), 1.0.into());
    assert_eq!(value("bytes"), vec![0_u8, 255].into());
    assert_eq!(value("odd"), "many".into());
    assert_eq!(value("huge"), "18446744073709551615".into());
    let list = vec![1_i64.into(), "a".into(), AttributeValue::Empty];
    assert_eq!(value("list"), AttributeValue::Array(list));
}

#[test]
fn tags_in_the_form_of_elasticsearch_are_read() {
    let mut stored = span(json!({
        "process": {
            "serviceName": "shop",
            "tags": [tag("key", "binary", "00ff")],
            "tag": {"host@name": "a.local"},
        },
        "startTimeMillis": 1_517_214_533_883_i64,
        "tags": [tag("bytes", "binary", "00003039"), tag("odd", "binary", "123")],
        "tag": {"http@status_code": 200, "span@kind": "client", "error": true},
        "logs": [{"timestamp": 1, "fields": [tag("sum", "binary", "0A")]}],
    }));
    let fields = stored.as_object_mut().expect("an object");
    let named = fields.remove("processID").expect("its process");
    let read_stored = |stored: &Value| {
        let mut read = read(&json!([stored]));
        assert_eq!(read.rejected, []);
        read.groups.remove(0)
    };
    let group = read_stored(&stored);
    let span = &group.spans[0];
    let bytes = |bytes: &[u8]| Some(AttributeValue::Bytes(bytes.to_vec()));
    assert_eq!(
        span.attributes.get("bytes").cloned(),
        bytes(&[0, 0, 0x30, 0x39])
    );
    assert_eq!(
        span.attributes.get_str("odd"),
        Some("123"),
        "no bytes: kept"
    );
    assert_eq!(
        span.attributes.get("http.status_code"),
        Some(&200_i64.into())
    );
    assert_eq!(span.kind, SpanKind::Client);
    assert_eq!(span.status.code, StatusCode::Error);
    assert_eq!(span.events[0].attributes.get("sum").cloned(), bytes(&[10]));
    let of_process = &group.resource.attributes;
    assert_eq!(of_process.get("key").cloned(), bytes(&[0, 255]));
    assert_eq!(of_process.get_str("host.name"), Some("a.local"));

    // The form of the UI has both the process and its id, and bytes as the query API writes them.
    stored["processID"] = named;
    let group = read_stored(&stored);
    let base64 = bytes(&[0xd3, 0x4d, 0x34, 0xdf, 0x4d, 0xfd]);
    assert_eq!(group.spans[0].attributes.get("bytes").cloned(), base64);
}

#[test]
fn tags_with_an_opentelemetry_field_set_that_field() {
    let read = read(&body(&[span(json!({"tags": [
        tag("span.kind", "string", "server"),
        tag("otel.status_code", "string", "ERROR"),
        tag("otel.status_description", "string", "no such order"),
        tag("error", "bool", true),
        tag("w3c.tracestate", "string", "a=b"),
        tag("otel.scope.name", "string", "axum"),
        tag("otel.scope.version", "string", "1.2"),
        tag("http.method", "string", "GET"),
    ]}))]));
    let group = &read.groups[0];
    assert_eq!((&*group.scope.name, &*group.scope.version), ("axum", "1.2"));
    let span = &group.spans[0];
    assert_eq!(span.kind, SpanKind::Server);
    assert_eq!(span.status.code, StatusCode::Error);
    assert_eq!(span.status.message, "no such order");
    assert_eq!(span.trace_state, "a=b");
    let left: Vec<_> = span.attributes.iter().map(|(key, _)| key).collect();
    assert_eq!(left, ["http.method"]);
}

#[test]
fn an_error_tag_with_a_message_is_kept() {
    let span = read_one(json!({"tags": [tag("error", "string", "timeout")]}));
    assert_eq!(span.attributes.get_str("error"), Some("timeout"));
    assert_eq!(span.status.code, StatusCode::Unset);
    let span = read_one(json!({"tags": [tag("error", "bool", "true")]}));
    assert_eq!(span.status.code, StatusCode::Error);
}

#[test]
fn logs_become_events_named_by_their_field() {
    let at = 1_517_214_533_883_100_i64;
    let span = read_one(json!({"logs": [
        {"timestamp": at, "fields": [tag("event", "string", "retry"), tag("attempt", "int64", 2)]},
        {"timestamp": at, "fields": [tag("message", "string", "hello")]},
    ]}));
    assert_eq!(span.events[0].name, "retry");
    assert_eq!(span.events[0].time, UnixNanos::new(at * 1000));
    assert_eq!(
        span.events[0].attributes.get("attempt"),
        Some(&2_i64.into())
    );
    assert_eq!(span.events[1].name, "log");
    assert_eq!(span.events[1].attributes.get_str("message"), Some("hello"));
}

#[test]
fn warnings_become_attributes() {
    let mut body = body(&[
        span(json!({"warnings": ["clock skew adjusted"]})),
        span(json!({"spanID": "2"})),
    ]);
    body["data"][0]["warnings"] = json!(["too many spans"]);
    let read = read(&body);
    let spans = &read.groups[0].spans;
    let texts = |text: &'static str| AttributeValue::Array(vec![text.into()]);
    assert_eq!(
        spans[0].attributes.get(WARNINGS),
        Some(&texts("clock skew adjusted"))
    );
    assert_eq!(
        spans[0].attributes.get(TRACE_WARNINGS),
        Some(&texts("too many spans"))
    );
    assert_eq!(spans[1].attributes.get(TRACE_WARNINGS), None);
}

#[test]
fn a_bad_span_is_rejected_alone_with_a_reason() {
    let read = read(&body(&[
        span(json!({"traceID": "xyz"})),
        span(json!({})),
        json!(7),
        span(json!({"spanID": ""})),
        span(json!({"traceID": ""})),
        span(json!({"startTime": null})),
        span(json!({"startTime": 0})),
    ]));
    assert_eq!(read.groups[0].spans.len(), 1);
    let reasons: Vec<_> = read
        .rejected
        .iter()
        .map(|rejection| format!("{}: {}", rejection.index, rejection.reason))
        .collect();
    assert_eq!(
        reasons,
        [
            "0: traceID: contains a character that is not hexadecimal",
            "2: is not an object",
            "3: spanID: is missing",
            "4: traceID: is missing",
            "5: startTime: is missing",
            "6: startTime: is zero",
        ]
    );
}

#[test]
fn single_traces_arrays_of_traces_and_spans_with_processes_are_read() {
    let trace = body(&[span(json!({}))])["data"][0].clone();
    let mut alone = span(json!({"process": {"serviceName": "shop"}}));
    alone
        .as_object_mut()
        .expect("an object")
        .remove("processID");
    for body in [trace.clone(), json!([trace]), json!([alone]), alone] {
        let read = read(&body);
        assert_eq!(read.groups[0].spans.len(), 1, "{body}");
        assert_eq!(read.groups[0].resource.service_name(), "shop", "{body}");
    }
}

#[test]
fn json_that_is_not_jaeger_is_rejected() {
    for body in [
        "{}",
        "[1]",
        "{\"data\":{}}",
        "{\"data\":[{}]}",
        "nonsense",
        "{",
    ] {
        assert!(decode(body.as_bytes()).is_err(), "{body}");
    }
    assert_eq!(
        decode(b"")
            .expect("nothing")
            .validate(&Limits::default(), NOW)
            .groups
            .len(),
        0
    );
}

#[test]
fn tags_beyond_the_budget_count_as_dropped_on_their_owner() {
    let many: Vec<Value> = (0..SET_PAIRS + 3)
        .map(|at| tag(&at.to_string(), "int64", 1))
        .collect();
    let limit = Limits::default().attributes;
    let dropped = (SET_PAIRS + 3 - limit) as u32;
    let span_of = |tags: &[Value], fields: &[Value], process: &[Value]| {
        let log = json!({"timestamp": 1_517_214_533_883_000_i64, "fields": fields});
        let process = json!({"serviceName": "shop", "tags": process});
        let sent = json!({"tags": tags, "logs": [log], "process": process});
        let mut group = read(&body(&[span(sent)])).groups.remove(0);
        let span = group.spans.remove(0);
        [
            (
                span.dropped_attributes_count,
                RepairSet::of(&span.attributes),
            ),
            (
                span.events[0].dropped_attributes_count,
                RepairSet::of(&span.attributes),
            ),
            (
                group.resource.dropped_attributes_count,
                RepairSet::of(&group.resource.attributes),
            ),
        ]
    };
    let repairs: RepairSet = [Repair::AttributesDropped].into_iter().collect();
    assert_eq!(span_of(&many, &[], &[])[0], (dropped, repairs));
    assert_eq!(span_of(&[], &many, &[])[1], (dropped, repairs));
    let of_process = span_of(&[], &[], &many);
    // One more, for the name of the service.
    assert_eq!(of_process[2], (dropped + 1, repairs));
    assert_eq!(of_process[0], (0, RepairSet::NONE), "the span lost nothing");
}

#[test]
fn a_tag_of_too_many_items_is_truncated_and_marked() {
    let items = vec![Value::Null; VALUE_ITEMS + 5];
    let tags = [tag("k", "string", items)];
    let span = read_one(json!({"tags": tags}));
    let Some(AttributeValue::Array(values)) = span.attributes.get("k") else {
        panic!("an array");
    };
    assert_eq!(values.last(), Some(&"… [cut: 5 values]".into()));
    assert!(RepairSet::of(&span.attributes).contains(Repair::ValueCut));
}

#[test]
fn a_span_without_a_duration_has_no_end() {
    let span = read_one(json!({"duration": null}));
    assert_eq!(span.end, span.start);
    assert!(RepairSet::of(&span.attributes).contains(Repair::EndMissing));
    let span = read_one(json!({"duration": 0}));
    assert_eq!(span.duration_ns(), 0);
    assert!(RepairSet::of(&span.attributes).is_empty());
}
