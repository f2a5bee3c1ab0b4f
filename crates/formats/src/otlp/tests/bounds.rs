//! Tests that the memory of a decoded request is bounded, however densely its input is packed.

use serde_json::json;
use throughline_codec::binary::writer;
use throughline_codec::budget::VALUE_ITEMS;
use throughline_wire::{AttributeValue, Attributes, Repair, RepairSet, semconv};

use super::oddities::the_span;
use super::{NOW_NS, validated};
use crate::Request;
use crate::otlp::{decode_json, decode_logs_json, decode_logs_protobuf, decode_protobuf};

#[test]
fn scopes_and_resources_without_items_are_dropped() {
    let mut scopes = Vec::new();
    writer::bytes(1, &[0x12, 0].repeat(200_000), &mut scopes);
    for body in [scopes, [0x0a, 0].repeat(200_000)] {
        for decode in [decode_protobuf, decode_logs_protobuf] {
            assert_eq!(decode(&body).expect("a request"), Request::default());
        }
    }
    let empty = vec!["{}"; 1_000].join(",");
    for (signal, decode) in [
        ("Spans", decode_json as fn(&[u8]) -> _),
        ("Logs", decode_logs_json),
    ] {
        for body in [
            format!("{{\"resource{signal}\":[{empty}]}}"),
            format!("{{\"resource{signal}\":[{{\"scope{signal}\":[{empty}]}}]}}"),
        ] {
            let request: Result<Request, _> = decode(body.as_bytes());
            assert_eq!(request.expect("a request"), Request::default());
        }
    }
}

/// Returns a request of one span or log record, with `item` after its ids.
fn protobuf(item: &[u8]) -> Vec<u8> {
    let mut span = Vec::new();
    writer::bytes(1, &[1; 16], &mut span);
    writer::bytes(2, &[1; 8], &mut span);
    writer::fixed64(7, NOW_NS, &mut span);
    writer::fixed64(8, NOW_NS, &mut span);
    span.extend_from_slice(item);
    within(&[1, 2, 2], span)
}

/// Returns `message` within nested messages of these field numbers.
fn within(fields: &[u32], message: Vec<u8>) -> Vec<u8> {
    fields.iter().rev().fold(message, |inner, field| {
        let mut outer = Vec::new();
        writer::bytes(*field, &inner, &mut outer);
        outer
    })
}

fn repairs(attributes: &Attributes) -> Vec<&'static str> {
    RepairSet::of(attributes)
        .iter()
        .map(Repair::as_str)
        .collect()
}

#[test]
fn events_and_links_beyond_the_limit_are_counted_and_not_read() {
    let mut link = Vec::new();
    writer::bytes(1, &[1; 16], &mut link);
    writer::bytes(2, &[1; 8], &mut link);
    let ids = json!({"traceId": "1".repeat(32), "spanId": "1".repeat(16)});
    for (field, name, message, item) in [
        (11, "events", Vec::new(), json!({})),
        (13, "links", link, ids.clone()),
    ] {
        let mut lists = Vec::new();
        for _ in 0..3_000 {
            writer::bytes(field, &message, &mut lists);
        }
        let mut span = ids.clone();
        span["startTimeUnixNano"] = json!(NOW_NS.to_string());
        span["endTimeUnixNano"] = json!(NOW_NS.to_string());
        span[name] = vec![item; 3_000].into();
        let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).to_string();
        for request in [
            decode_protobuf(&protobuf(&lists)),
            decode_json(body.as_bytes()),
        ] {
            let span = the_span(validated(request.expect("a request")));
            assert_eq!(span.events.len() + span.links.len(), 1_024, "{name}");
            assert!(span.events.capacity() + span.links.capacity() <= 1_024);
            let dropped = span.dropped_events_count + span.dropped_links_count;
            assert_eq!(dropped, 3_000 - 1_024, "{name}");
            assert!(repairs(&span.attributes).contains(&format!("{name}_dropped").as_str()));
        }
    }
}

#[test]
fn a_value_is_truncated_at_its_budget_in_both_encodings_and_signals() {
    let count = VALUE_ITEMS + 5;
    // An array of empty values: two bytes each.
    let array = within(&[5], [0x0a, 0].repeat(count));
    let mut pair = Vec::new();
    writer::bytes(1, b"k", &mut pair);
    writer::bytes(2, &array, &mut pair);
    let items = vec!["{}"; count].join(",");
    let value = format!("{{\"arrayValue\":{{\"values\":[{items}]}}}}");
    let ids = "\"traceId\":\"11111111111111111111111111111111\",\"spanId\":\"1111111111111111\"";
    let spans = format!(
        "{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{{{ids},\
         \"startTimeUnixNano\":\"{NOW_NS}\",\"attributes\":[{{\"key\":\"k\",\"value\":{value}}}]}}]}}]}}]}}"
    );
    for request in [
        decode_protobuf(&protobuf(&within(&[9], pair))),
        decode_json(spans.as_bytes()),
    ] {
        let span = the_span(validated(request.expect("a request")));
        check_cut(span.attributes.get("k"), &span.attributes);
    }
    let logs = format!(
        "{{\"resourceLogs\":[{{\"scopeLogs\":[{{\"logRecords\":[{{\"body\":{value}}}]}}]}}]}}"
    );
    for request in [
        decode_logs_protobuf(&within(&[1, 2, 2, 5], array)),
        decode_logs_json(logs.as_bytes()),
    ] {
        let mut groups = validated(request.expect("a request")).groups;
        let record = groups.remove(0).events.remove(0);
        check_cut(Some(&record.body), &record.attributes);
    }
}

fn check_cut(value: Option<&AttributeValue>, attributes: &Attributes) {
    let Some(AttributeValue::Array(values)) = value else {
        panic!("an array");
    };
    assert_eq!(values.len(), VALUE_ITEMS + 1);
    assert_eq!(values.last(), Some(&"… [cut: 5 values]".into()));
    assert!(repairs(attributes).contains(&"value_cut"));
    assert_eq!(attributes.get(semconv::CUT_BYTES), Some(&5_i64.into()));
}
