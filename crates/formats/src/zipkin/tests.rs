//! Tests of spans as Zipkin's reporters write them, and of invalid ones.

mod odd;
mod shared;

use proptest::prelude::*;
use serde_json::{Value, json};
use throughline_codec::budget::SET_PAIRS;
use throughline_wire::{
    AttributeValue, Limits, Repair, RepairSet, Span, SpanKind, StatusCode, UnixNanos,
};

use super::{LOCAL_IPV6, REMOTE_IPV6, SHARED, decode};
use crate::Validated;

const NOW: UnixNanos = UnixNanos::new(1_502_787_700_000_000_000);

fn read(body: &Value) -> Validated {
    let request = decode(body.to_string().as_bytes()).expect("a list");
    request.validate(&Limits::default(), NOW)
}

fn spans(validated: &Validated) -> Vec<&Span> {
    assert_eq!(validated.rejected, []);
    let groups = validated.groups.iter();
    groups.flat_map(|group| &group.spans).collect()
}

/// Returns the example of `zipkin2-api.yaml`, with the fields that it leaves out.
fn example() -> Value {
    json!({
        "id": "352bff9a74ca9ad2",
        "traceId": "5af7183fb1d4cf5f",
        "parentId": "6b221d5bc9e6496c",
        "name": "get /api",
        "timestamp": 1_502_787_600_000_000_u64,
        "duration": 431_874,
        "kind": "SERVER",
        "debug": true,
        "localEndpoint": {"serviceName": "backend", "ipv4": "192.168.99.1", "port": 3306},
        "remoteEndpoint": {"serviceName": "frontend", "ipv6": "2001:db8::c001", "port": 58648},
        "annotations": [{"timestamp": 1_502_787_600_000_001_u64, "value": "wr"}],
        "tags": {"http.method": "GET", "http.path": "/api"},
    })
}

fn example_with(changes: &[(&str, Value)]) -> Value {
    let mut span = example();
    for (key, value) in changes {
        span[*key] = value.clone();
    }
    span
}

fn the_span(changes: &[(&str, Value)]) -> Span {
    let validated = read(&json!([example_with(changes)]));
    (*spans(&validated).first().expect("one")).clone()
}

#[test]
fn every_zipkin_field_is_mapped() {
    let validated = read(&json!([example()]));
    let span = spans(&validated)[0];
    assert_eq!(
        span.trace_id.to_string(),
        "00000000000000005af7183fb1d4cf5f"
    );
    assert_eq!(span.span_id.to_string(), "352bff9a74ca9ad2");
    assert_eq!(
        span.parent_span_id.map(|id| id.to_string()).as_deref(),
        Some("6b221d5bc9e6496c")
    );
    assert_eq!(
        (span.name.as_ref(), span.kind),
        ("get /api", SpanKind::Server)
    );
    assert_eq!(span.start.get(), 1_502_787_600_000_000_000);
    assert_eq!(span.end.since(span.start), 431_874_000);
    assert_eq!(span.events[0].name, "wr");
    assert_eq!(span.events[0].time.since(span.start), 1_000);
    let text = |key: &str| span.attributes.get_str(key);
    assert_eq!(text("http.method"), Some("GET"));
    assert_eq!(text("network.local.address"), Some("192.168.99.1"));
    assert_eq!(text("network.peer.address"), Some("2001:db8::c001"));
    assert_eq!(text("peer.service"), Some("frontend"));
    assert_eq!(
        span.attributes.get("network.peer.port"),
        Some(&58648.into())
    );
    assert_eq!(span.attributes.get("zipkin.debug"), Some(&true.into()));
    let resource = &validated.groups[0].resource;
    assert_eq!(resource.attributes.get_str("service.name"), Some("backend"));
}

#[test]
fn the_remote_endpoint_sets_server_attributes_without_overwriting_tags() {
    let span = the_span(&[
        ("kind", json!("CLIENT")),
        ("tags", json!({"network.peer.port": "written"})),
    ]);
    assert_eq!(
        span.attributes.get_str("server.address"),
        Some("2001:db8::c001")
    );
    assert_eq!(span.attributes.get("server.port"), Some(&58648.into()));
    assert_eq!(
        span.attributes.get_str("network.peer.port"),
        Some("written")
    );
}

#[test]
fn kinds_map_to_opentelemetry_and_a_missing_kind_is_internal() {
    for (kind, expected) in [
        (json!("CLIENT"), SpanKind::Client),
        (json!("PRODUCER"), SpanKind::Producer),
        (json!("CONSUMER"), SpanKind::Consumer),
        (json!(null), SpanKind::Internal),
        (json!("FUTURE"), SpanKind::Internal),
    ] {
        assert_eq!(the_span(&[("kind", kind)]).kind, expected);
    }
}

#[test]
fn the_error_tag_sets_the_status() {
    for (tags, code, message) in [
        (json!({}), StatusCode::Unset, ""),
        (json!({"error": "false"}), StatusCode::Unset, ""),
        (json!({"error": "true"}), StatusCode::Error, ""),
        (json!({"error": ""}), StatusCode::Error, ""),
        (
            json!({"error": "timed out"}),
            StatusCode::Error,
            "timed out",
        ),
        (json!({"error": true}), StatusCode::Error, ""),
        (json!({"otel.status_code": "OK"}), StatusCode::Ok, ""),
        (
            json!({"otel.status_code": "ERROR", "error": "no route"}),
            StatusCode::Error,
            "no route",
        ),
    ] {
        let status = the_span(&[("tags", tags.clone())]).status;
        assert_eq!(
            (status.code, status.message.as_ref()),
            (code, message),
            "{tags}"
        );
    }
}

#[test]
fn ids_of_64_bits_and_without_leading_zeros_are_padded() {
    let span = the_span(&[
        ("traceId", json!("463ac35c9f6413ad48485a3953bb6124")),
        ("id", json!("a")),
        ("parentId", json!("0000000000000000")),
    ]);
    assert_eq!(
        span.trace_id.to_string(),
        "463ac35c9f6413ad48485a3953bb6124"
    );
    assert_eq!(span.span_id.to_string(), "000000000000000a");
    assert_eq!(span.parent_span_id, None);
    assert_eq!(
        the_span(&[("traceId", json!("1"))]).trace_id.to_string(),
        format!("{:0>32}", 1)
    );
}

#[test]
fn a_span_without_a_timestamp_gets_that_of_what_is_around_it_and_says_so() {
    let start = example()["timestamp"].as_u64().expect("a number");
    let with = |id: &str, parent: &str, changes: &[(&str, Value)]| {
        let mut span = example_with(changes);
        span["id"] = json!(id);
        span["parentId"] = json!(parent);
        span
    };
    let none = ("timestamp", json!(null));
    let quiet = ("annotations", json!([]));
    let annotations = json!([
        {"timestamp": start + 9, "value": "b"}, {"timestamp": start + 7, "value": "a"},
    ]);
    let body = json!([
        with(
            "c",
            "b",
            &[none.clone(), quiet.clone(), ("duration", json!(5))]
        ),
        with(
            "b",
            "a",
            &[none.clone(), quiet.clone(), ("duration", json!(null))]
        ),
        with("a", "9", &[("timestamp", json!(start + 3))]),
        with("9", "0", &[("timestamp", json!(start))]),
        with("d", "a", &[none.clone(), ("annotations", annotations)]),
        with("e", "f", &[none.clone(), quiet.clone()]),
        // A cycle.
        with("e1", "e2", &[none.clone(), quiet.clone()]),
        with("e2", "e1", &[none.clone(), quiet.clone()]),
        // A span in two parts.
        with("aa", "9", &[none.clone(), quiet.clone()]),
        with("aa", "9", &[("timestamp", json!(start + 4))]),
        with("ab", "aa", &[none.clone(), quiet.clone()]),
        with("5", "0", &[none.clone(), quiet.clone()]),
        with("6", "5", &[none, quiet]),
    ]);
    let validated = read(&body);
    let times_of = |id: &str| {
        let of = |span: &&&Span| span.span_id.to_string() == format!("{id:0>16}");
        let all = spans(&validated);
        let span = all.iter().rfind(of).expect("there");
        let marked = RepairSet::of(&span.attributes).contains(Repair::StartMissing);
        let after = |time: UnixNanos| (time.get() - start as i64 * 1_000) / 1_000;
        (after(span.start), span.end.since(span.start).max(0), marked)
    };
    let long = 431_874_000;
    assert_eq!(times_of("c"), (3, 5_000, true), "as its parent's parent");
    assert_eq!(times_of("b"), (3, 0, true), "as its parent; it has no end");
    assert_eq!(times_of("a"), (3, long, false));
    assert_eq!(times_of("d"), (7, long, true), "as its first annotation");
    assert_eq!(times_of("e"), (0, long, true), "as the first of its trace");
    assert_eq!(times_of("e1"), (0, long, true));
    assert_eq!(times_of("ab"), (4, long, true));
    assert_eq!(times_of("5"), (0, long, true), "it has no parent");
    assert_eq!(times_of("6"), (0, long, true), "its parent has none either");
}

#[test]
fn an_endpoint_with_two_addresses_keeps_both() {
    let both = json!({"ipv4": "192.0.2.1", "ipv6": "2001:db8::1"});
    let span = the_span(&[("localEndpoint", both.clone()), ("remoteEndpoint", both)]);
    let text = |key: &str| span.attributes.get_str(key);
    for (key, other) in [
        ("network.local.address", LOCAL_IPV6),
        ("network.peer.address", REMOTE_IPV6),
    ] {
        assert_eq!(
            (text(key), text(other)),
            (Some("192.0.2.1"), Some("2001:db8::1"))
        );
    }
    let span = the_span(&[("localEndpoint", json!({"ipv6": "2001:db8::1"}))]);
    assert_eq!(span.attributes.get(LOCAL_IPV6), None);
}

#[test]
fn tags_beyond_the_budget_are_counted_as_dropped() {
    let with_tags = |count: usize| {
        let tags: serde_json::Map<String, Value> =
            (0..count).map(|at| (at.to_string(), json!("v"))).collect();
        the_span(&[("tags", tags.into())])
    };
    let (full, beyond) = (with_tags(SET_PAIRS), with_tags(SET_PAIRS + 3));
    let dropped = |span: &Span| span.dropped_attributes_count;
    assert_eq!(dropped(&beyond), dropped(&full) + 3);
    assert!(RepairSet::of(&beyond.attributes).contains(Repair::AttributesDropped));
}

#[test]
fn a_span_without_a_duration_has_no_end() {
    let span = the_span(&[("duration", Value::Null)]);
    assert_eq!(span.end, span.start);
    let repairs = RepairSet::of(&span.attributes);
    assert_eq!(repairs, RepairSet::from_iter([Repair::EndMissing]));
}
