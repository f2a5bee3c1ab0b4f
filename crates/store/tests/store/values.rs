//! Tests that the value of any attribute finds its traces: request, correlation, session and order
//! ids.

use std::sync::Arc;

use throughline_model::{
    AttributeCondition, Direction, PageRequest, Total, TraceFilter, TraceSummary,
};
use throughline_testkit::{Ids, Sent, span};
use throughline_wire::{AttributeValue, InstrumentationScope, Resource, SpanEvent, semconv};

use crate::support::{Fixture, lone, received, unmatched};

async fn found(fixture: &Fixture, key: Option<&str>, value: &str) -> Vec<TraceSummary> {
    let page = PageRequest::default();
    let page = fixture.reader().find_traces(key, value, page).await;
    unmatched(page.expect("reads").items)
}

#[tokio::test]
async fn a_request_id_finds_its_trace_and_no_other() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(90);
    let one = lone("one", &mut ids)
        .starts(fixture.now)
        .with(semconv::REQUEST_ID, "req-1")
        .build();
    let header = vec![AttributeValue::from("req-2"), "req-3".into()];
    let two = lone("two", &mut ids)
        .starts(fixture.now)
        .with("http.request.header.x-request-id", header)
        .with(semconv::ORDER_ID, 4_711_i64)
        .build();
    let sent = [&one, &two].map(|span| Sent::by("shop", span.clone()));
    assert_eq!(fixture.write(&sent).await, received(2));
    let only = |traces: Vec<TraceSummary>| {
        assert_eq!(traces.len(), 1);
        traces[0].trace_id
    };
    assert_eq!(only(found(&fixture, None, "req-1").await), one.trace_id);
    assert_eq!(only(found(&fixture, None, "req-2").await), two.trace_id);
    assert_eq!(only(found(&fixture, None, "req-3").await), two.trace_id);
    let by_order = found(&fixture, Some(semconv::ORDER_ID), "4711").await;
    assert_eq!(only(by_order), two.trace_id);
    assert_eq!(found(&fixture, Some(semconv::ORDER_ID), "req-1").await, []);
    assert_eq!(found(&fixture, None, "req").await, []);
}

#[tokio::test]
async fn a_value_finds_a_trace_once_even_if_it_occurs_often() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(91);
    let trace_id = ids.trace_id();
    let sent: Vec<Sent> = (0..20)
        .map(|_| {
            let span = span("work").in_trace(trace_id).id(ids.span_id());
            let span = span.starts(fixture.now).session("s-1");
            let span = span.with(semconv::REQUEST_ID, "r-1");
            Sent::by("shop", span.build())
        })
        .collect();
    fixture.write(&sent[..15]).await;
    fixture.write(&sent[5..]).await;
    for value in ["r-1", "s-1"] {
        let traces = found(&fixture, None, value).await;
        assert_eq!(traces.len(), 1);
        assert_eq!(traces[0].span_count, 20);
    }
    let session = found(&fixture, Some(semconv::SESSION_ID), "s-1").await;
    assert_eq!(session.len(), 1);
}

#[tokio::test]
async fn any_attribute_of_span_event_resource_and_scope_finds_its_trace() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(92);
    let mut span = lone("work", &mut ids)
        .starts(fixture.now)
        .with("shop.total", 12.5)
        .with("shop.empty", "")
        .build();
    span.events.push(SpanEvent {
        time: fixture.now,
        name: "retried".into(),
        attributes: [("attempt", 7_i64)].into_iter().collect(),
        dropped_attributes_count: 0,
    });
    let mut resource = Resource::of_service("shop");
    resource.attributes.insert("host.name", "web-3");
    let scope = InstrumentationScope {
        attributes: [("flavour", "beta")].into_iter().collect(),
        ..InstrumentationScope::default()
    };
    let sent = Sent {
        resource: Arc::new(resource),
        scope: Arc::new(scope),
        span,
    };
    let other = Sent::by("cart", lone("other", &mut ids).starts(fixture.now).build());
    fixture.write(&[sent.clone(), other]).await;
    for (key, value) in [
        ("shop.total", "12.5"),
        ("attempt", "7"),
        ("host.name", "web-3"),
        ("flavour", "beta"),
    ] {
        for key in [Some(key), None] {
            let traces = found(&fixture, key, value).await;
            assert_eq!(traces.len(), 1, "{key:?} {value}");
            assert_eq!(traces[0].trace_id, sent.span.trace_id);
        }
        assert_eq!(found(&fixture, Some("another"), value).await, []);
    }
}

#[tokio::test]
async fn long_values_match_only_as_a_whole() {
    let fixture = Fixture::new().await;
    let long = "c".repeat(5_000);
    let cart = lone("cart", &mut Ids::seeded(93))
        .starts(fixture.now)
        .with("shop.cart", long.clone())
        .build();
    assert_eq!(fixture.write(&[Sent::by("shop", cart)]).await, received(1));
    assert_eq!(found(&fixture, Some("shop.cart"), &long).await.len(), 1);
    assert_eq!(found(&fixture, Some("shop.cart"), &long[1..]).await, []);
}

#[tokio::test]
async fn traces_of_a_session_are_paged_newest_first_in_both_directions() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(94);
    let sent: Vec<Sent> = (0..7)
        .map(|at| {
            let span = lone("visit", &mut ids).starts(fixture.at_ms(at));
            Sent::by("shop", span.session("s-9").build())
        })
        .collect();
    fixture.write(&sent).await;
    let reader = fixture.reader();
    let mut seen = Vec::new();
    let mut page = PageRequest {
        limit: 3,
        from: None,
    };
    let last = loop {
        let found = reader.find_traces(None, "s-9", page).await.expect("reads");
        assert_eq!(found.total, Total::Exact(7));
        seen.extend(found.items.iter().map(|trace| trace.trace_id));
        match found.after {
            Some(after) => page.from = Some((Direction::After, after)),
            None => break found,
        }
    };
    let expected: Vec<_> = sent.iter().rev().map(|sent| sent.span.trace_id).collect();
    assert_eq!(seen, expected);
    page.from = last.before.map(|before| (Direction::Before, before));
    let back = reader.find_traces(None, "s-9", page).await.expect("reads");
    let ids: Vec<_> = back.items.iter().map(|trace| trace.trace_id).collect();
    assert_eq!(ids, expected[3..6]);
}

#[tokio::test]
async fn offloaded_payloads_find_their_traces() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(97);
    // The values have the same preview.
    let orders = ["a", "b"].map(|end| format!("{}{end}", "o".repeat(9_000)));
    let spans = orders.each_ref().map(|order| {
        let span = lone("order", &mut ids).starts(fixture.now);
        span.with(semconv::ORDER_ID, order.clone()).build()
    });
    let sent = spans.each_ref().map(|span| Sent::by("shop", span.clone()));
    assert_eq!(fixture.write(&sent).await, received(2));
    for (order, span) in orders.iter().zip(&spans) {
        let traces = found(&fixture, Some(semconv::ORDER_ID), order).await;
        let ids: Vec<_> = traces.iter().map(|trace| trace.trace_id).collect();
        assert_eq!(ids, [span.trace_id]);
    }
    let traces = fixture.list(&TraceFilter::default()).await;
    assert_eq!(traces.len(), 2);
    let preview = format!("{}… [9001 bytes]", "o".repeat(1_024));
    assert_eq!(found(&fixture, None, &preview).await, []);
}

#[tokio::test]
async fn an_element_of_an_array_is_found_whatever_the_size_and_owner_of_the_array() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(97);
    let array = |name: &str, count: i64| {
        let texts = (0..count).map(|at| AttributeValue::from(format!("{name}-{at}")));
        let others = [AttributeValue::from(count), 2.5.into(), true.into()];
        AttributeValue::Array(texts.chain(others).collect())
    };
    let mut sent = Vec::new();
    // The second array is larger than 8 KiB and offloaded.
    for (name, count) in [("small", 10), ("large", 2_000)] {
        let mut own = lone("own", &mut ids).starts(fixture.now).build();
        own.attributes.insert("list", array(name, count));
        let attributes = [("list", array(name, count))].into_iter().collect();
        let of_event = lone("event", &mut ids).starts(fixture.now);
        let of_event = of_event.event(0, "listed", attributes).build();
        let plain = lone("resource", &mut ids).starts(fixture.now).build();
        let mut resource = Resource::of_service("shop");
        resource.attributes.insert("list", array(name, count));
        sent.push(Sent::by("shop", own));
        sent.push(Sent::by("shop", of_event));
        sent.push(Sent {
            resource: Arc::new(resource),
            ..Sent::by("shop", plain)
        });
    }
    let other = lone("other", &mut ids).starts(fixture.now);
    sent.push(Sent::by("shop", other.with("list", "small").build()));
    fixture.write(&sent).await;
    let listed = async |text: &str| {
        let attributes = vec![AttributeCondition {
            key: "list".to_owned(),
            value: text.to_owned(),
        }];
        let filter = TraceFilter {
            attributes,
            ..TraceFilter::default()
        };
        fixture.list(&filter).await.len()
    };
    for (text, count) in [
        ("small-7", 3),
        ("large-1999", 3),
        ("10", 3),
        ("2000", 3),
        ("2.5", 6),
        ("true", 6),
        ("large-2000", 0),
        ("large", 0),
        ("small", 1),
    ] {
        assert_eq!(listed(text).await, count, "{text}");
    }
    assert_eq!(found(&fixture, None, "large-1999").await.len(), 3);
}
