//! Answers are bounded by all bytes that they carry, wherever a span has them.

use std::sync::Arc;

use throughline_model::{EventsOf, Trace};
use throughline_testkit::{Ids, Sent, span};
use throughline_wire::{Attributes, InstrumentationScope, Resource, SpanEvent, SpanLink, TraceId};

use crate::support::{Fixture, received};

/// The most bytes of a page and the greatest item here, as JSON.
const PAGE_AND_ITEM_BYTES: usize = 13 << 20;

/// A place where a span has bytes, and the number of spans with a megabyte there.
struct Place {
    name: &'static str,
    fill: fn(usize, &mut Sent),
}

fn large(at: usize) -> String {
    format!("{at} {}", "v".repeat(1_000_000))
}

/// A hundred values, each too small to be offloaded.
fn small_values(at: usize) -> Attributes {
    let value = "v".repeat(8_000);
    let values = (0..125).map(|key| (format!("k{key}"), format!("{at} {value}")));
    values.collect()
}

fn places() -> Vec<Place> {
    let place = |name, fill| Place { name, fill };
    vec![
        place("status message", |at, sent| {
            sent.span.status.message = large(at).into();
        }),
        place("trace state", |at, sent| {
            sent.span.trace_state = large(at).into();
        }),
        place("offloaded value", |at, sent| {
            sent.span.attributes.insert("k", large(at));
        }),
        place("small values", |at, sent| {
            sent.span.attributes = small_values(at);
        }),
        place("resource", |at, sent| {
            let mut resource = Resource::of_service("shop");
            resource.attributes.insert("k", large(at));
            sent.resource = Arc::new(resource);
        }),
        place("schema URL of a resource", |at, sent| {
            sent.resource = Arc::new(Resource {
                schema_url: large(at).into(),
                ..Resource::of_service("shop")
            });
        }),
        place("scope", |at, sent| {
            let mut scope = InstrumentationScope::default();
            scope.attributes.insert("k", large(at));
            sent.scope = Arc::new(scope);
        }),
        place("event name", |at, sent| {
            sent.span.events.push(SpanEvent {
                time: sent.span.start,
                name: large(at).into(),
                attributes: Attributes::EMPTY,
                dropped_attributes_count: 0,
            });
        }),
        place("link", |at, sent| {
            sent.span.links.push(SpanLink {
                trace_id: sent.span.trace_id,
                span_id: sent.span.span_id,
                trace_state: large(at).into(),
                flags: 0,
                attributes: Attributes::EMPTY,
                dropped_attributes_count: 0,
            });
        }),
    ]
}

async fn pages(fixture: &Fixture, trace_id: TraceId) -> Vec<Trace> {
    let reader = fixture.reader();
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let page = reader.trace(trace_id, after).await.expect("reads");
        let page = page.expect("the trace");
        after = page.after;
        pages.push(page);
        if after.is_none() {
            return pages;
        }
    }
}

#[tokio::test]
async fn a_page_of_a_trace_is_bounded_by_the_bytes_in_every_place() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(81);
    for place in places() {
        let trace_id = ids.trace_id();
        let sent: Vec<Sent> = (0..45_usize)
            .map(|at| {
                let span = span("x").in_trace(trace_id).id(ids.span_id());
                let mut sent = Sent::by("shop", span.build());
                sent.span.start = fixture.at_ms(at as i64);
                sent.span.end = sent.span.start;
                (place.fill)(at, &mut sent);
                sent
            })
            .collect();
        assert_eq!(fixture.write(&sent).await, received(45), "{}", place.name);
        let pages = pages(&fixture, trace_id).await;
        let mut read = Vec::new();
        for page in pages {
            let bytes = serde_json::to_vec(&page).expect("encodes").len();
            assert!(bytes < PAGE_AND_ITEM_BYTES, "{}: {bytes}", place.name);
            for stored in page.spans {
                read.push(Sent {
                    resource: Arc::new(page.resources[stored.resource as usize].clone()),
                    scope: Arc::new(page.scopes[stored.scope as usize].clone()),
                    span: stored.span,
                });
            }
        }
        assert!(read == sent, "{}", place.name);
    }
}

#[tokio::test]
async fn a_resource_that_spans_share_counts_once_on_a_page() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(82);
    let trace_id = ids.trace_id();
    let mut resource = Resource::of_service("shop");
    resource.attributes.insert("k", large(0));
    let resource = Arc::new(resource);
    let sent: Vec<Sent> = (0..45_i64)
        .map(|at| {
            let span = span("x").in_trace(trace_id).id(ids.span_id());
            let mut sent = Sent::by("shop", span.build());
            (sent.span.start, sent.span.end) = (fixture.at_ms(at), fixture.at_ms(at));
            sent.resource = Arc::clone(&resource);
            sent
        })
        .collect();
    assert_eq!(fixture.write(&sent).await, received(45));
    assert_eq!(pages(&fixture, trace_id).await.len(), 1);
}

#[tokio::test]
async fn a_page_of_log_records_is_bounded_by_the_bytes_of_their_resources() {
    let fixture = Fixture::new().await;
    let trace_id = Ids::seeded(83).trace_id();
    let groups = (0..45_usize).map(|at| {
        let mut resource = Resource::of_service("shop");
        resource.attributes.insert("k", large(at));
        throughline_store::SpanGroup {
            resource: Arc::new(resource),
            events: vec![throughline_wire::LogRecord {
                time: fixture.at_ms(at as i64),
                trace_id: Some(trace_id),
                ..throughline_wire::LogRecord::default()
            }],
            ..throughline_store::SpanGroup::default()
        }
    });
    let batch = throughline_store::WriteBatch {
        tenant: throughline_wire::TenantId::DEFAULT,
        groups: groups.collect(),
    };
    let outcome = fixture.store.writer().submit(batch).await;
    assert_eq!(outcome.expect("is stored").events.received, 45);
    let reader = fixture.reader();
    let (mut count, mut after) = (0, None);
    loop {
        let page = reader.whole_events(&EventsOf::Trace(trace_id), after).await;
        let page = page.expect("reads");
        count += page.events.len();
        assert!(page.resources.len() <= 9, "{}", page.resources.len());
        after = page.after;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(count, 45);
}
