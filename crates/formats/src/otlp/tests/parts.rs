//! A bad part of a resource or a scope costs that part alone.

use serde_json::{Value, json};
use throughline_codec::binary::writer;
use throughline_wire::{Attributes, Repair, RepairSet};

use super::{NOW_NS, validated};
use crate::Validated;
use crate::otlp::{decode_json, decode_logs_json, decode_logs_protobuf, decode_protobuf};

/// A description and a function that spoils a resource.
type Row = (&'static str, fn(&mut Value));

fn span(id: u8) -> Value {
    json!({
        "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
        "spanId": format!("00f067aa0ba902{id:02x}"),
        "name": format!("span {id}"),
        "startTimeUnixNano": NOW_NS.to_string(),
        "endTimeUnixNano": NOW_NS.to_string(),
    })
}

/// Returns a resource with a scope and a span.
fn resource_spans(id: u8) -> Value {
    json!({
        "resource": {"attributes": [
            {"key": "service.name", "value": {"stringValue": "shop"}},
            {"key": "host.name", "value": {"stringValue": "h1"}},
        ]},
        "schemaUrl": "https://opentelemetry.io/schemas/1.42.0",
        "scopeSpans": [{
            "scope": {"name": "tracer", "version": "1", "attributes": [
                {"key": "host.name", "value": {"stringValue": "h1"}},
            ]},
            "spans": [span(id)],
        }],
    })
}

fn read(resources: &Value) -> Validated {
    let body = json!({"resourceSpans": resources}).to_string();
    validated(decode_json(body.as_bytes()).expect("a request"))
}

fn is_marked(attributes: &Attributes) -> bool {
    RepairSet::of(attributes).contains(Repair::PartUnreadable)
}

fn spans(validated: &Validated) -> Vec<&str> {
    let groups = validated.groups.iter();
    groups
        .flat_map(|group| &group.spans)
        .map(|span| span.name.as_ref())
        .collect()
}

#[test]
fn a_bad_value_of_an_attribute_becomes_its_text() {
    for (value, text) in [
        (
            json!({"intValue": "18446744073709551616"}),
            "18446744073709551616",
        ),
        (
            json!({"intValue": 18_446_744_073_709_551_615_u64}),
            "18446744073709551615",
        ),
        (json!({"intValue": 1.5}), "1.5"),
        (json!({"intValue": "many"}), "many"),
        (json!({"intValue": [1]}), "[1]"),
        (json!({"boolValue": "true"}), "true"),
        (json!({"boolValue": 1}), "1"),
        (json!({"doubleValue": "fast"}), "fast"),
        (json!({"doubleValue": {}}), "{}"),
        (json!({"bytesValue": "*"}), "*"),
        (json!({"bytesValue": 5}), "5"),
    ] {
        let mut bad = resource_spans(1);
        let pair = json!({"key": "size", "value": value});
        for path in ["/resource/attributes", "/scopeSpans/0/scope/attributes"] {
            let list = bad.pointer_mut(path).expect("a path");
            list.as_array_mut().expect("a list").insert(1, pair.clone());
        }
        bad["scopeSpans"][0]["spans"][0]["attributes"] = json!([pair]);
        let validated = read(&json!([bad, resource_spans(2)]));
        assert_eq!(validated.rejected, [], "{value}");
        assert_eq!(spans(&validated), ["span 1", "span 2"]);
        let group = &validated.groups[0];
        assert_eq!(group.resource.service_name(), "shop");
        for attributes in [
            &group.resource.attributes,
            &group.scope.attributes,
            &group.spans[0].attributes,
        ] {
            assert_eq!(attributes.get_str("size"), Some(text), "{value}");
            assert!(is_marked(attributes), "{value}");
        }
        assert_eq!(group.resource.attributes.get_str("host.name"), Some("h1"));
        assert!(!is_marked(&validated.groups[1].resource.attributes));
    }
}

#[test]
fn a_value_without_its_kind_is_read() {
    for (value, read_as) in [
        (json!("plain"), "plain".into()),
        (json!(5), 5_i64.into()),
        (json!(true), true.into()),
        (json!({"stringValue": 5}), "5".into()),
    ] {
        let mut odd = resource_spans(1);
        odd["resource"]["attributes"][1]["value"] = value;
        let validated = read(&json!([odd]));
        let attributes = &validated.groups[0].resource.attributes;
        assert_eq!(attributes.get("host.name"), Some(&read_as));
    }
}

#[test]
fn of_a_value_of_two_kinds_the_last_one_counts() {
    for (value, name) in [
        (r#"{"stringValue":"two-kinds","intValue":10}"#, "10"),
        (r#"{"intValue":10,"stringValue":"two-kinds"}"#, "two-kinds"),
        (
            r#"{"stringValue":"two-kinds","intValue":null}"#,
            "two-kinds",
        ),
    ] {
        let mut odd = resource_spans(1);
        odd["resource"]["attributes"][0]["value"] = json!("@");
        let body = json!({"resourceSpans": [odd]}).to_string();
        let body = body.replace("\"@\"", value);
        let validated = validated(decode_json(body.as_bytes()).expect("a request"));
        assert_eq!(validated.groups[0].resource.service_name(), name, "{value}");
    }
}

#[test]
fn a_bad_part_of_a_resource_or_scope_is_left_out() {
    let parts: [Row; 16] = [
        ("a resource that is a number", |bad| {
            bad["resource"] = json!(5);
        }),
        ("a resource that is a list", |bad| {
            bad["resource"] = json!([]);
        }),
        ("attributes that are a number", |bad| {
            bad["resource"]["attributes"] = json!(5);
        }),
        ("attributes that are an object", |bad| {
            bad["resource"]["attributes"] = json!({"host.name": "h1"});
        }),
        ("an attribute that is a number", |bad| {
            bad["resource"]["attributes"][1] = json!(5);
        }),
        ("an attribute that is a list", |bad| {
            bad["resource"]["attributes"][1] = json!([5]);
        }),
        ("a key that is a list", |bad| {
            bad["resource"]["attributes"][1]["key"] = json!([5]);
        }),
        ("a text that is a list", |bad| {
            bad["resource"]["attributes"][1]["value"] = json!({"stringValue": ["h1"]});
        }),
        ("an array that is a number", |bad| {
            bad["resource"]["attributes"][1]["value"] = json!({"arrayValue": {"values": 5}});
        }),
        ("an array that is a text", |bad| {
            bad["resource"]["attributes"][1]["value"] = json!({"arrayValue": "h1"});
        }),
        ("a map that is a number", |bad| {
            bad["resource"]["attributes"][1]["value"] = json!({"kvlistValue": {"values": 5}});
        }),
        ("a count of another type", |bad| {
            bad["resource"]["droppedAttributesCount"] = json!("many");
        }),
        ("a schema of another type", |bad| {
            bad["schemaUrl"] = json!([5]);
        }),
        ("a scope that is a number", |bad| {
            bad["scopeSpans"][0]["scope"] = json!(5);
        }),
        ("a name of another type", |bad| {
            bad["scopeSpans"][0]["scope"]["name"] = json!({"first": "tracer"});
        }),
        ("a version of another type", |bad| {
            bad["scopeSpans"][0]["scope"]["version"] = json!([1]);
        }),
    ];
    for (what, spoil) in parts {
        let mut bad = resource_spans(1);
        spoil(&mut bad);
        let validated = read(&json!([bad, resource_spans(2)]));
        assert_eq!(validated.rejected, [], "{what}");
        assert_eq!(spans(&validated), ["span 1", "span 2"], "{what}");
        let [bad, good] = &validated.groups[..] else {
            panic!("{what}: {} groups", validated.groups.len());
        };
        assert!(
            is_marked(&bad.resource.attributes) || is_marked(&bad.scope.attributes),
            "{what}"
        );
        assert!(!is_marked(&good.resource.attributes), "{what}");
        if !what.starts_with("a resource") && !what.starts_with("attributes") {
            assert_eq!(bad.resource.service_name(), "shop", "{what}");
        }
    }
}

#[test]
fn an_element_that_cannot_be_read_is_one_rejected_item() {
    let elements: [Row; 7] = [
        ("resourceSpans[0]: ", |bad| *bad = json!(5)),
        ("resourceSpans[0]: ", |bad| *bad = json!([])),
        ("resourceSpans[0].scopeSpans: is not a list", |bad| {
            bad["scopeSpans"] = json!(5);
        }),
        ("resourceSpans[0].scopeSpans: is not a list", |bad| {
            bad["scopeSpans"] = json!({"spans": []});
        }),
        ("resourceSpans[0].scopeSpans[0]: ", |bad| {
            bad["scopeSpans"][0] = json!("no");
        }),
        (
            "resourceSpans[0].scopeSpans[0].spans: is not a list",
            |bad| {
                bad["scopeSpans"][0]["spans"] = json!({});
            },
        ),
        ("is not an object", |bad| {
            bad["scopeSpans"][0]["spans"][0] = json!(5);
        }),
    ];
    for (reason, spoil) in elements {
        let mut bad = resource_spans(1);
        spoil(&mut bad);
        let validated = read(&json!([bad, resource_spans(2)]));
        assert_eq!(spans(&validated), ["span 2"], "{reason}");
        assert_eq!(validated.rejected.len(), 1, "{reason}");
        let found = &validated.rejected[0].reason;
        assert!(found.starts_with(reason), "{reason}: {found}");
    }
}

#[test]
fn lists_under_several_keys_and_repeated_keys_are_all_read() {
    let of = |id| json!([{"spans": [span(id)]}]);
    for (lists, ids) in [
        ("\"scopeSpans\":A,\"instrumentationLibrarySpans\":B", 2),
        ("\"scope_spans\":A,\"scopeSpans\":B", 2),
        ("\"scopeSpans\":A,\"scopeSpans\":B", 2),
        ("\"scopeSpans\":null,\"instrumentation_library_spans\":A", 1),
    ] {
        let lists = lists.replace('A', &of(1).to_string());
        let lists = lists.replace('B', &of(2).to_string());
        let body = format!("{{\"resourceSpans\":[{{{lists}}}]}}");
        let validated = validated(decode_json(body.as_bytes()).expect("a request"));
        assert_eq!(spans(&validated), ["span 1", "span 2"][..ids], "{body}");
    }
    let [one, two] = [1, 2].map(|id| json!([resource_spans(id)]).to_string());
    for keys in [
        ["resourceSpans", "resource_spans"],
        ["resourceSpans", "resourceSpans"],
    ] {
        let body = format!("{{\"{}\":{one},\"{}\":{two}}}", keys[0], keys[1]);
        let validated = validated(decode_json(body.as_bytes()).expect("a request"));
        assert_eq!(spans(&validated), ["span 1", "span 2"], "{keys:?}");
    }
    // Of a repeated resource, scope or field the last one counts.
    let attributes =
        |name: &str| json!([{"key": "service.name", "value": {"stringValue": name}}]).to_string();
    let (first, last) = (attributes("first"), attributes("last"));
    for resource in [
        format!("\"resource\":{{\"attributes\":{first}}},\"resource\":{{\"attributes\":{last}}}"),
        format!("\"resource\":{{\"attributes\":{first},\"attributes\":{last}}}"),
    ] {
        let body = format!(
            "{{\"resourceSpans\":[{{{resource},\"scopeSpans\":{}}}]}}",
            of(1)
        );
        let validated = validated(decode_json(body.as_bytes()).expect("a request"));
        assert_eq!(
            validated.groups[0].resource.service_name(),
            "last",
            "{body}"
        );
    }
}

#[test]
fn logs_are_read_under_every_key_too() {
    let of = |text: &str| {
        let time = NOW_NS.to_string();
        let body = json!({"stringValue": text});
        json!([{"logRecords": [{"timeUnixNano": time, "body": body}]}])
    };
    let body = json!({"resourceLogs": [{
        "scopeLogs": of("new"),
        "instrumentationLibraryLogs": of("old"),
        "resource": {"attributes": [{"key": "n", "value": {"intValue": "99999999999999999999"}}]},
    }]});
    let request = decode_logs_json(body.to_string().as_bytes()).expect("a request");
    let validated = validated(request);
    let bodies = validated.groups.iter().flat_map(|group| &group.events);
    let mut bodies: Vec<_> = bodies.filter_map(|record| record.body.as_str()).collect();
    bodies.sort_unstable();
    assert_eq!(bodies, ["new", "old"]);
}

// Protobuf.

fn message(field: u32, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let (mut inner, mut out) = (Vec::new(), Vec::new());
    write(&mut inner);
    writer::bytes(field, &inner, &mut out);
    out
}

fn text(field: u32, text: &str) -> Vec<u8> {
    message(field, |out| out.extend_from_slice(text.as_bytes()))
}

fn pair(key: &str, value: &str) -> Vec<u8> {
    [text(1, key), message(2, |out| out.extend(text(1, value)))].concat()
}

fn proto_span(id: u8) -> Vec<u8> {
    let mut out = Vec::new();
    writer::bytes(1, &[1; 16], &mut out);
    writer::bytes(2, &[id; 8], &mut out);
    out.extend(text(5, &format!("span {id}")));
    writer::fixed64(7, NOW_NS, &mut out);
    writer::fixed64(8, NOW_NS, &mut out);
    out
}

/// Returns a request of one resource with `extra` fields, and with spans in field `items`.
fn proto(extra: &[u8], scope: &[u8], items: u32, spans: &[Vec<u8>]) -> Vec<u8> {
    message(1, |out| {
        out.extend_from_slice(extra);
        out.extend(message(items, |out| {
            out.extend_from_slice(scope);
            for span in spans {
                writer::bytes(2, span, out);
            }
        }));
    })
}

fn service() -> Vec<u8> {
    message(1, |out| out.extend(pair("service.name", "shop")))
}

#[test]
fn a_bad_part_of_a_protobuf_resource_or_scope_costs_that_part() {
    // A text that is longer than its message, and a count with the type of a text.
    let bad_pair = message(1, |out| out.extend([0x0a, 0x7f]));
    let wrong_type = |field| message(field, |out| out.push(0));
    let cut = vec![0x80];
    let resource =
        |parts: &[&[u8]]| message(1, |out| parts.iter().for_each(|part| out.extend(*part)));
    let service = service();
    for (what, extra, scope) in [
        ("an attribute", resource(&[&bad_pair, &service]), vec![]),
        (
            "an attribute of another type",
            resource(&[&[0x08, 1], &service]),
            vec![],
        ),
        ("a count", resource(&[&wrong_type(2), &service]), vec![]),
        ("the end", resource(&[&service, &cut]), vec![]),
        ("a resource of another type", vec![0x08, 1], vec![]),
        (
            "a schema",
            [resource(&[&service]), vec![0x18, 1]].concat(),
            vec![],
        ),
        ("a scope", resource(&[&service]), vec![0x08, 1]),
        ("a name", resource(&[&service]), resource(&[&[0x08, 1]])),
        ("a version", resource(&[&service]), resource(&[&[0x10, 1]])),
        (
            "a scope's count",
            resource(&[&service]),
            resource(&[&wrong_type(4)]),
        ),
        (
            "a scope's attribute",
            resource(&[&service]),
            resource(&[&[0x1a, 2, 0x0a, 0x7f]]),
        ),
    ] {
        let body = proto(&extra, &scope, 2, &[proto_span(1)]);
        let validated = validated(decode_protobuf(&body).expect(what));
        assert_eq!(spans(&validated), ["span 1"], "{what}");
        let group = &validated.groups[0];
        assert!(
            is_marked(&group.resource.attributes) || is_marked(&group.scope.attributes),
            "{what}"
        );
        if what != "a resource of another type" {
            assert_eq!(group.resource.service_name(), "shop", "{what}");
        }
    }
}

#[test]
fn a_bad_protobuf_span_is_rejected_alone() {
    let mut cut = proto_span(2);
    cut.pop();
    let mut wrong_type = proto_span(3);
    writer::varint(5, 1, &mut wrong_type);
    let spans_sent = [proto_span(1), cut, wrong_type, proto_span(4)];
    let validated = validated(decode_protobuf(&proto(&[], &[], 2, &spans_sent)).expect("reads"));
    assert_eq!(spans(&validated), ["span 1", "span 4"]);
    let rejected: Vec<_> = validated.rejected.iter().map(|one| one.index).collect();
    assert_eq!(rejected, [1, 2]);
}

#[test]
fn protobuf_items_by_instrumentation_library_are_read() {
    let library = message(1, |out| out.extend(text(1, "tracer")));
    let body = proto(&service(), &library, 1000, &[proto_span(1)]);
    let both = [body.clone(), proto(&service(), &[], 2, &[proto_span(2)])].concat();
    let validated = validated(decode_protobuf(&both).expect("reads"));
    assert_eq!(spans(&validated), ["span 1", "span 2"]);
    assert_eq!(validated.groups[0].scope.name, "tracer");

    let record = message(2, |out| writer::fixed64(1, NOW_NS, out));
    let logs = message(1, |out| writer::bytes(1000, &record, out));
    let validated = super::validated(decode_logs_protobuf(&logs).expect("reads"));
    assert_eq!(validated.groups[0].events.len(), 1);
}
