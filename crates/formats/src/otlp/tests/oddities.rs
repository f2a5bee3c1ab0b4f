//! Tests of odd input: variants that real senders write, and invalid data.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use serde_json::json;
use throughline_wire::{
    AttributeValue, Attributes, Repair, RepairSet, SpanKind, StatusCode, semconv,
};

use super::{NOW_NS, key_values, validated};
use crate::Validated;
use crate::otlp::{decode_json, decode_protobuf};

fn of_span(span: &serde_json::Value) -> Validated {
    let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]});
    validated(decode_json(body.to_string().as_bytes()).expect("a request"))
}

fn json_span() -> serde_json::Value {
    json!({
        "traceId": "4BF92F3577B34DA6A3CE929D0E0E4736",
        "spanId": "00f067aa0ba902b7",
        "name": "GET /",
        "startTimeUnixNano": "1699999999000000000",
        "endTimeUnixNano": 1_699_999_999_100_000_000_u64,
    })
}

pub(super) fn the_span(validated: Validated) -> throughline_wire::Span {
    assert_eq!(validated.rejected, []);
    validated
        .groups
        .into_iter()
        .next()
        .expect("a group")
        .spans
        .remove(0)
}

#[test]
fn json_variants_of_real_senders_are_read() {
    let mut span = json_span();
    for (key, value) in [
        ("kind", json!("SPAN_KIND_SERVER")),
        (
            "status",
            json!({"code": "STATUS_CODE_ERROR", "message": null}),
        ),
        ("parentSpanId", json!("0000000000000000")),
        ("events", json!(null)),
        (
            "links",
            json!([{"traceId": "", "spanId": "00f067aa0ba902b7"}]),
        ),
        ("dropped_attributes_count", json!("7")),
        ("futureField", json!([{"deep": [1]}])),
        (
            "attributes",
            json!([
                {"key": "nan", "value": {"doubleValue": "NaN"}},
                {"key": "text double", "value": {"doubleValue": "1.5"}},
                {"key": "int", "value": {"intValue": "-9223372036854775808"}},
                {"key": "snake", "value": {"string_value": "s"}},
                {"key": "bytes", "value": {"bytesValue": "_-8"}},
                {"key": "empty array", "value": {"arrayValue": {}}},
                {"key": "null list", "value": {"kvlistValue": {"values": null}}},
                {"key": "nothing", "value": null},
                null,
            ]),
        ),
    ] {
        span[key] = value;
    }
    let span = the_span(of_span(&span));
    assert_eq!(span.kind, SpanKind::Server);
    assert_eq!(span.status.code, StatusCode::Error);
    assert_eq!(span.parent_span_id, None);
    assert_eq!(span.dropped_attributes_count, 7);
    assert_eq!((span.links.len(), span.dropped_links_count), (0, 1));
    let value = |key: &str| span.attributes.get(key).cloned().expect(key);
    assert!(matches!(value("nan"), AttributeValue::Double(number) if number.is_nan()));
    assert_eq!(value("text double"), 1.5.into());
    assert_eq!(value("int"), i64::MIN.into());
    assert_eq!(value("snake"), "s".into());
    assert_eq!(value("bytes"), vec![0xff_u8, 0xef].into());
    assert_eq!(value("empty array"), AttributeValue::Array(vec![]));
    assert_eq!(value("null list"), AttributeValue::Map(Attributes::EMPTY));
    assert_eq!(value("nothing"), AttributeValue::Empty);
    assert!(RepairSet::of(&span.attributes).contains(Repair::LinksDropped));
}

#[test]
fn a_bad_part_of_a_span_rejects_only_that_span_and_is_named() {
    for (key, value, named) in [
        ("traceId", json!("xyz"), "traceId"),
        ("spanId", json!("000000000000000g"), "spanId"),
        ("parentSpanId", json!("00"), "parentSpanId"),
        ("name", json!(5), "string"),
        ("startTimeUnixNano", json!("soon"), "soon"),
    ] {
        let mut span = json_span();
        span[key] = value;
        let rejected = of_span(&span).rejected;
        assert_eq!(rejected.len(), 1, "{key}");
        assert!(
            rejected[0].reason.contains(named),
            "{key}: {}",
            rejected[0].reason
        );
    }
}

#[test]
fn values_nest_at_most_64_levels_in_both_encodings() {
    for (levels, too_deep) in [(63, false), (200, true), (20_000, true)] {
        let nested = format!(
            "{}{{\"intValue\":1}}{}",
            "{\"arrayValue\":{\"values\":[".repeat(levels),
            "]}}".repeat(levels)
        );
        let mut span = json_span();
        span["attributes"] = json!([{"key": "k", "value": "@"}]);
        let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).to_string();
        let body = body.replace("\"@\"", &nested);
        let read = the_span(validated(decode_json(body.as_bytes()).expect("a request")));
        let repairs = RepairSet::of(&read.attributes);
        assert_eq!(
            repairs.contains(Repair::NestedTooDeep),
            too_deep,
            "{levels} levels of JSON"
        );
    }
    // Deeper values of the official types overflow the stack when they are dropped.
    for (levels, too_deep) in [(63, false), (200, true)] {
        let mut value = AnyValue {
            value: Some(Value::IntValue(1)),
        };
        for _ in 0..levels {
            let array = ArrayValue {
                values: vec![value],
            };
            value = AnyValue {
                value: Some(Value::ArrayValue(array)),
            };
        }
        let span = Span {
            trace_id: vec![1; 16],
            span_id: vec![1; 8],
            start_time_unix_nano: NOW_NS,
            end_time_unix_nano: NOW_NS,
            attributes: key_values(vec![("k".to_owned(), value)]),
            ..Span::default()
        };
        let request = ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                scope_spans: vec![ScopeSpans {
                    spans: vec![span],
                    ..ScopeSpans::default()
                }],
                ..ResourceSpans::default()
            }],
        };
        let read = the_span(validated(
            decode_protobuf(&request.encode_to_vec()).expect("reads"),
        ));
        let repairs = RepairSet::of(&read.attributes);
        assert_eq!(
            repairs.contains(Repair::NestedTooDeep),
            too_deep,
            "{levels} levels of protobuf"
        );
    }
}

#[test]
fn invalid_text_is_replaced_and_marked() {
    let mut span = json_span();
    span["name"] = json!("@");
    let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).to_string();
    let lone = body.replace('@', "\\ud800");
    let mut broken = body.into_bytes();
    let at = broken.iter().position(|byte| *byte == b'@').expect("there");
    broken[at] = 0xff;
    for body in [lone.into_bytes(), broken] {
        let span = the_span(validated(decode_json(&body).expect("a request")));
        assert_eq!(span.name, "\u{fffd}");
        let repairs = span.attributes.get(semconv::REPAIRS).expect("marked");
        assert_eq!(
            *repairs,
            RepairSet::from_iter([Repair::InvalidUtf8]).to_value()
        );
    }
}

#[test]
fn a_request_of_too_many_spans_is_rejected_before_allocation() {
    let spans = vec!["{}"; 100_001].join(",");
    for body in [
        format!("{{\"resourceSpans\":[{{\"scopeSpans\":[{{\"spans\":[{spans}]}}]}}]}}"),
        format!("{{\"resourceSpans\":[{spans}]}}"),
    ] {
        let error = decode_json(body.as_bytes())
            .expect_err("refused")
            .to_string();
        assert!(error.contains("more than 100000"), "{error}");
    }
    let scope_spans = ScopeSpans {
        spans: vec![Span::default(); 100_001],
        ..Default::default()
    };
    let resource_spans = ResourceSpans {
        scope_spans: vec![scope_spans],
        ..Default::default()
    };
    let request = ExportTraceServiceRequest {
        resource_spans: vec![resource_spans],
    };
    let error = decode_protobuf(&request.encode_to_vec())
        .expect_err("refused")
        .to_string();
    assert!(error.contains("more than 100000"), "{error}");
}
