//! Tests of spans that share an id, and of spans in several parts.

use throughline_wire::Attributes;

use super::*;

/// Returns every order of `items`.
fn orders(items: &[Value]) -> Vec<Vec<Value>> {
    if items.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for at in 0..items.len() {
        let mut others = items.to_vec();
        let first = others.remove(at);
        all.extend(orders(&others).into_iter().map(|mut order| {
            order.insert(0, first.clone());
            order
        }));
    }
    all
}

fn sorted(validated: &Validated) -> Vec<Span> {
    let mut all: Vec<Span> = spans(validated).into_iter().cloned().collect();
    all.sort_by_key(|span| (span.span_id, span.kind as u8));
    all
}

#[test]
fn ids_and_parents_are_kept_as_sent_in_any_order_and_in_any_request() {
    let client = example_with(&[
        ("kind", json!("CLIENT")),
        ("localEndpoint", json!({"serviceName": "frontend"})),
    ]);
    let child = example_with(&[
        ("id", json!("00000000000000cc")),
        ("parentId", client["id"].clone()),
        ("kind", json!(null)),
    ]);
    for parent in [client["parentId"].clone(), json!(null), json!("77")] {
        for shared in [json!(true), json!(null)] {
            let server = example_with(&[("shared", shared.clone()), ("parentId", parent.clone())]);
            let mut seen = Vec::new();
            for order in orders(&[client.clone(), server, child.clone()]) {
                let together = sorted(&read(&json!(order)));
                let mut alone: Vec<Span> = order
                    .iter()
                    .flat_map(|span| sorted(&read(&json!([span]))))
                    .collect();
                alone.sort_by_key(|span| (span.span_id, span.kind as u8));
                assert_eq!(together, alone);
                seen.push(together);
            }
            seen.dedup();
            let [spans] = seen.try_into().expect("one result");
            let [child, server, client] = spans.try_into().expect("three");
            let id = |id: Option<throughline_wire::SpanId>| id.map(|id| id.to_string());
            assert_eq!(server.span_id, client.span_id);
            assert_eq!(child.parent_span_id, Some(client.span_id));
            let sent = parent.as_str().map(|text| format!("{text:0>16}"));
            assert_eq!(id(server.parent_span_id), sent);
            let is_shared = shared == json!(true);
            let mark = is_shared.then_some(AttributeValue::Bool(true));
            assert_eq!(server.attributes.get(SHARED), mark.as_ref());
        }
    }
}

#[test]
fn parts_become_one_span_in_any_order() {
    let start = example()["timestamp"].as_u64().expect("a number");
    let begun = example_with(&[
        ("duration", json!(null)),
        ("tags", json!({"a": "1", "both": "begun"})),
    ]);
    let ended = example_with(&[
        ("timestamp", json!(null)),
        ("name", json!(null)),
        ("parentId", json!(null)),
        ("duration", json!(500)),
        (
            "annotations",
            json!([{"timestamp": start + 5, "value": "ws"}]),
        ),
        ("tags", json!({"error": "late", "both": "ended"})),
    ]);
    let later = example_with(&[
        ("timestamp", json!(start + 100)),
        ("duration", json!(1_000)),
        ("tags", json!({"c": "3"})),
    ]);
    let other = example_with(&[("localEndpoint", json!({"serviceName": "other"}))]);
    let mut seen = Vec::new();
    for order in orders(&[begun, ended, later, other]) {
        let validated = read(&json!(order));
        let all = sorted(&validated);
        assert_eq!(all.len(), 2, "the span of another service is another span");
        let of = validated.groups.iter();
        let mut of = of.filter(|group| group.resource.service_name() == "backend");
        seen.push(of.next().expect("a group").spans.clone());
    }
    seen.dedup();
    let [whole] = seen.try_into().expect("one result");
    let [span] = whole.try_into().expect("one span");
    assert_eq!(span.name, "get /api");
    assert_eq!(span.start.get(), start as i64 * 1_000);
    assert_eq!(span.end.since(span.start), 1_100_000);
    assert_eq!(
        (span.status.code, &*span.status.message),
        (StatusCode::Error, "late")
    );
    let text = |key: &str| span.attributes.get_str(key);
    assert_eq!(text("a").zip(text("c")), Some(("1", "3")));
    assert_eq!(text("both"), Some("begun"));
    let events: Vec<_> = span.events.iter().map(|event| &*event.name).collect();
    assert_eq!(events, ["wr", "ws"]);
    assert!(span.parent_span_id.is_some());
    assert_eq!(RepairSet::of(&span.attributes), RepairSet::NONE);
}

#[test]
fn many_parts_are_merged_in_one_pass() {
    let parts: Vec<_> = (0..20_000)
        .map(|at| example_with(&[("tags", json!({format!("key {at}"): at}))]))
        .collect();
    let validated = read(&json!(parts));
    let [span] = *spans(&validated) else {
        panic!("one span");
    };
    let kept = |attributes: &Attributes| attributes.len();
    assert!(kept(&span.attributes) > 100);
    assert!(span.dropped_attributes_count > 0);
    assert_eq!(validated.indexes, [0]);
}

#[test]
fn a_service_whose_name_is_no_text_is_named_by_its_text() {
    for (sent, name) in [
        (json!(8080), "8080"),
        (json!(1.5), "1.5"),
        (json!(true), "true"),
        (json!(null), "unknown_service"),
        (json!([]), "unknown_service"),
    ] {
        let end = json!({"serviceName": sent});
        let validated = read(&json!([example_with(&[
            ("localEndpoint", end.clone()),
            ("remoteEndpoint", end),
        ])]));
        assert_eq!(validated.groups[0].resource.service_name(), name);
        let peer = spans(&validated)[0].attributes.get_str("peer.service");
        assert_eq!(peer.unwrap_or("unknown_service"), name);
    }
}
