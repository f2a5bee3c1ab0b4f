//! Our decoders against the official encoder, and what each of them makes of oddities.

mod bounds;
mod logs;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, KeyValueList, any_value::Value,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message as _;
use serde_json::json;
use throughline_wire::validate::Limits;
use throughline_wire::{
    AttributeValue, Attributes, Mark, Marks, SpanEvent, SpanId, SpanKind, SpanLink, StatusCode,
    TraceId, UnixNanos, semconv,
};

use super::{decode_json, decode_protobuf};
use crate::{Request, Validated};

pub(super) const NOW_NS: u64 = 1_700_000_000_000_000_000;

fn text() -> impl Strategy<Value = String> {
    "[^\\x00]{0,12}"
}

fn value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        text().prop_map(Value::StringValue),
        any::<bool>().prop_map(Value::BoolValue),
        any::<i64>().prop_map(Value::IntValue),
        // Finite ones: the official JSON encoder has no form for the others.
        any::<f64>()
            .prop_filter("finite", |number| number.is_finite())
            .prop_map(Value::DoubleValue),
        vec(any::<u8>(), 0..20).prop_map(Value::BytesValue),
    ]
    .prop_map(|value| AnyValue { value: Some(value) });
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|values| AnyValue {
                value: Some(Value::ArrayValue(ArrayValue { values }))
            }),
            vec((text(), inner), 0..4).prop_map(|pairs| AnyValue {
                value: Some(Value::KvlistValue(KeyValueList {
                    values: key_values(pairs)
                }))
            }),
        ]
    })
}

fn key_values(pairs: Vec<(String, AnyValue)>) -> Vec<KeyValue> {
    pairs
        .into_iter()
        .map(|(key, value)| KeyValue {
            key,
            value: Some(value),
            ..KeyValue::default()
        })
        .collect()
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    vec((text(), value()), 0..4).prop_map(key_values)
}

fn id(length: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), length).prop_filter("zero", |id| id.iter().any(|byte| *byte != 0))
}

fn event() -> impl Strategy<Value = Event> {
    (1..NOW_NS, text(), attributes(), any::<u32>()).prop_map(
        |(time_unix_nano, name, attributes, dropped_attributes_count)| Event {
            time_unix_nano,
            name,
            attributes,
            dropped_attributes_count,
        },
    )
}

fn link() -> impl Strategy<Value = Link> {
    (
        id(16),
        id(8),
        text(),
        attributes(),
        any::<u32>(),
        any::<u32>(),
    )
        .prop_map(
            |(trace_id, span_id, trace_state, attributes, dropped_attributes_count, flags)| Link {
                trace_id,
                span_id,
                trace_state,
                attributes,
                dropped_attributes_count,
                flags,
            },
        )
}

prop_compose! {
    fn span()(
        (trace_id, span_id, parent_span_id) in (id(16), id(8), prop_oneof![Just(vec![]), id(8)]),
        (name, trace_state, message) in (text(), text(), text()),
        (kind, code, flags, counts) in (0..6_i32, 0..3_i32, any::<u32>(), any::<[u32; 3]>()),
        (start_time_unix_nano, length) in (1..NOW_NS, 0..1_000_000_000_u64),
        (attributes, events, links) in (attributes(), vec(event(), 0..3), vec(link(), 0..3)),
    ) -> Span {
        Span {
            trace_id, span_id, parent_span_id, name, trace_state, kind, flags,
            start_time_unix_nano,
            end_time_unix_nano: start_time_unix_nano + length,
            attributes, events, links,
            dropped_attributes_count: counts[0],
            dropped_events_count: counts[1],
            dropped_links_count: counts[2],
            status: Some(Status { message, code }),
        }
    }
}

pub(super) fn request() -> impl Strategy<Value = ExportTraceServiceRequest> {
    let scope = (text(), text(), attributes(), any::<u32>()).prop_map(
        |(name, version, attributes, dropped_attributes_count)| InstrumentationScope {
            name,
            version,
            attributes,
            dropped_attributes_count,
        },
    );
    let scope_spans = (proptest::option::of(scope), vec(span(), 0..3), text()).prop_map(
        |(scope, spans, schema_url)| ScopeSpans {
            scope,
            spans,
            schema_url,
        },
    );
    let resource_spans = (attributes(), any::<u32>(), vec(scope_spans, 0..3), text()).prop_map(
        |(attributes, dropped_attributes_count, scope_spans, schema_url)| ResourceSpans {
            resource: Some(Resource {
                attributes,
                dropped_attributes_count,
                ..Resource::default()
            }),
            scope_spans,
            schema_url,
        },
    );
    vec(resource_spans, 0..3)
        .prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}

/// What a value means, told a second time.
fn meant(value: &AnyValue) -> AttributeValue {
    match value.value.as_ref().expect("set") {
        Value::StringValue(text) => text.clone().into(),
        Value::BoolValue(truth) => (*truth).into(),
        Value::IntValue(number) => (*number).into(),
        Value::DoubleValue(number) => (*number).into(),
        Value::BytesValue(bytes) => bytes.clone().into(),
        Value::ArrayValue(array) => array.values.iter().map(meant).collect::<Vec<_>>().into(),
        Value::KvlistValue(list) => AttributeValue::Map(meant_all(&list.values)),
        Value::StringValueStrindex(_) => unreachable!("not generated"),
    }
}

fn meant_all(pairs: &[KeyValue]) -> Attributes {
    let mut attributes = Attributes::default();
    for pair in pairs {
        attributes.insert(pair.key.clone(), meant(pair.value.as_ref().expect("set")));
    }
    attributes
}

fn time(ns: u64) -> UnixNanos {
    UnixNanos::from_u64(ns).expect("in range")
}

fn meant_span(span: &Span) -> throughline_wire::Span {
    let status = span.status.clone().expect("set");
    throughline_wire::Span {
        trace_id: TraceId::from_slice(&span.trace_id).expect("valid"),
        span_id: SpanId::from_slice(&span.span_id).expect("valid"),
        parent_span_id: SpanId::from_slice(&span.parent_span_id).ok(),
        trace_state: span.trace_state.clone().into(),
        flags: span.flags,
        name: span.name.clone().into(),
        kind: SpanKind::from_code(span.kind.into()),
        start: time(span.start_time_unix_nano),
        end: time(span.end_time_unix_nano),
        status: throughline_wire::Status {
            code: StatusCode::from_code(status.code.into()),
            message: status.message.into(),
        },
        attributes: meant_all(&span.attributes),
        dropped_attributes_count: span.dropped_attributes_count,
        events: span
            .events
            .iter()
            .map(|event| SpanEvent {
                time: time(event.time_unix_nano),
                name: event.name.clone().into(),
                attributes: meant_all(&event.attributes),
                dropped_attributes_count: event.dropped_attributes_count,
            })
            .collect(),
        dropped_events_count: span.dropped_events_count,
        links: span
            .links
            .iter()
            .map(|link| SpanLink {
                trace_id: TraceId::from_slice(&link.trace_id).expect("valid"),
                span_id: SpanId::from_slice(&link.span_id).expect("valid"),
                trace_state: link.trace_state.clone().into(),
                flags: link.flags,
                attributes: meant_all(&link.attributes),
                dropped_attributes_count: link.dropped_attributes_count,
            })
            .collect(),
        dropped_links_count: span.dropped_links_count,
        sequence: None,
    }
}

fn validated(request: Request) -> Validated {
    // Nothing is ahead, and nothing so old that it is marked.
    let limits = Limits {
        unmarked_behind_ns: i64::MAX,
        ..Limits::default()
    };
    request.validate(&limits, time(NOW_NS))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn what_the_official_encoder_writes_is_read_as_it_was_meant(request in request()) {
        let read = decode_protobuf(&request.encode_to_vec()).expect("protobuf");
        let text = serde_json::to_string(&request).expect("encodes");
        prop_assert_eq!(&read, &decode_json(text.as_bytes()).expect("JSON"), "{}", text);

        let validated = validated(read);
        prop_assert_eq!(&validated.rejected, &[]);
        let spans: Vec<_> = validated.groups.into_iter().flat_map(|group| group.spans).collect();
        let meant: Vec<_> = request
            .resource_spans
            .iter()
            .flat_map(|spans| &spans.scope_spans)
            .flat_map(|spans| &spans.spans)
            .map(meant_span)
            .collect();
        prop_assert_eq!(spans, meant);
    }

    #[test]
    fn any_bytes_are_a_request_or_an_error(bytes in vec(any::<u8>(), 0..200)) {
        let _ = decode_protobuf(&bytes);
        let _ = decode_json(&bytes);
    }

    #[test]
    fn a_damaged_request_is_a_request_or_an_error(
        request in request(),
        at in any::<prop::sample::Index>(),
        byte: u8,
    ) {
        let mut bytes = request.encode_to_vec();
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = decode_protobuf(&bytes).map(validated);
            let _ = decode_protobuf(&bytes[..at]).map(validated);
        }
    }
}

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

fn the_span(validated: Validated) -> throughline_wire::Span {
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
fn json_is_read_as_senders_really_write_it() {
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
    assert!(Marks::of(&span.attributes).contains(Mark::LinksDropped));
}

#[test]
fn a_bad_part_of_a_span_costs_that_span_and_is_named() {
    for (key, value, named) in [
        ("traceId", json!("xyz"), "traceId"),
        ("spanId", json!("000000000000000g"), "spanId"),
        ("parentSpanId", json!("00"), "parentSpanId"),
        ("name", json!(5), "string"),
        ("startTimeUnixNano", json!("soon"), "soon"),
        (
            "attributes",
            json!([{"key": "k", "value": {"intValue": "99999999999999999999"}}]),
            "int",
        ),
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
fn values_nest_64_deep_and_no_deeper_in_both_forms() {
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
        let marks = Marks::of(&read.attributes);
        assert_eq!(
            marks.contains(Mark::NestedTooDeep),
            too_deep,
            "{levels} levels of JSON"
        );
    }
    // The official types cannot be dropped much deeper without a deep stack.
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
        let marks = Marks::of(&read.attributes);
        assert_eq!(
            marks.contains(Mark::NestedTooDeep),
            too_deep,
            "{levels} levels of protobuf"
        );
    }
}

#[test]
fn what_is_no_text_becomes_text_and_is_marked() {
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
        let marks = span.attributes.get(semconv::MARKS).expect("marked");
        assert_eq!(*marks, Marks::from_iter([Mark::InvalidUtf8]).to_value());
    }
}

#[test]
fn a_request_of_too_many_spans_is_refused_before_it_costs_memory() {
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
