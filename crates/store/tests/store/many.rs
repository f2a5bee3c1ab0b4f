//! Tests that lists of services, services of a trace and spans of one id are bounded, and say what they
//! leave out.

use std::borrow::Cow;
use std::sync::Arc;

use throughline_model::{ServiceList, SpansOfId, TraceFilter, TraceSummary};
use throughline_testkit::{Ids, Sent};
use throughline_wire::{AttributeValue, Attributes, InstrumentationScope, Resource, TraceId};

use crate::support::{Fixture, lone, received};

async fn execute(fixture: &Fixture, sql: &'static str) {
    sqlx::raw_sql(sql)
        .execute(&mut fixture.database.connection().await)
        .await
        .expect("executes");
}

#[tokio::test]
async fn a_list_of_many_services_is_truncated_and_a_prefix_finds_the_others() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(1);
    let span = lone("GET /", &mut ids).starts(fixture.now).build();
    assert_eq!(
        fixture.write(&[Sent::by("zebra%_", span)]).await,
        received(1)
    );
    execute(
        &fixture,
        "INSERT INTO services
         SELECT tenant_id, i, 'service-' || lpad(i::text, 5, '0')
         FROM services CROSS JOIN generate_series(1, 5000) AS i",
    )
    .await;
    let reader = fixture.reader();
    let list = reader.list_services("").await.expect("reads");
    assert_eq!(list.names.len(), ServiceList::MAX_NAMES);
    assert!(list.is_truncated);
    for (prefix, count, is_truncated) in [
        ("service-", 1_000, true),
        ("service-02", 1_000, false),
        ("service-04999", 1, false),
        // No wildcards, and no other case.
        ("zebra%_", 1, false),
        ("%", 0, false),
        ("Zebra", 0, false),
    ] {
        let list = reader.list_services(prefix).await.expect("reads");
        assert!(list.names.iter().all(|name| name.starts_with(prefix)));
        let found = (list.names.len(), list.is_truncated);
        assert_eq!(found, (count, is_truncated), "{prefix}");
    }
    execute(
        &fixture,
        "UPDATE services SET name = name || repeat('s', 1000) WHERE name LIKE 'service-%'",
    )
    .await;
    let list = reader.list_services("service-").await.expect("reads");
    let bytes: usize = list.names.iter().map(String::len).sum();
    assert!(list.is_truncated);
    assert!(
        (200 << 10..=ServiceList::MAX_BYTES).contains(&bytes),
        "{bytes}"
    );
}

/// Returns a span of each of the services, all of one trace.
fn of_services(fixture: &Fixture, services: impl Iterator<Item = usize>) -> (TraceId, Vec<Sent>) {
    let mut ids = Ids::seeded(2);
    let trace_id = ids.trace_id();
    let sent = services.map(|at| {
        let span = lone("GET /", &mut ids).in_trace(trace_id);
        let span = span.starts(fixture.at_ms(-1_000));
        Sent::by(&format!("service-{at}"), span.build())
    });
    (trace_id, sent.collect())
}

async fn finds(fixture: &Fixture, service: usize) -> Option<TraceSummary> {
    let filter = TraceFilter {
        service: Some(format!("service-{service}")),
        ..TraceFilter::default()
    };
    fixture.list(&filter).await.pop()
}

#[tokio::test]
async fn a_trace_of_many_services_lists_some_and_is_found_by_all() {
    const SERVICES: usize = 300;
    for commits in [1, 10] {
        let fixture = Fixture::new().await;
        let (trace_id, sent) = of_services(&fixture, 0..SERVICES);
        for part in sent.chunks(SERVICES / commits) {
            fixture.write(part).await;
        }
        let largest = "SELECT max(pg_column_size(services))::bigint FROM traces";
        assert!(fixture.count(largest).await < 1_000);
        for is_compacted in [false, true] {
            if is_compacted {
                fixture.store.compact_once().await.expect("compacts");
            }
            for service in (0..SERVICES).step_by(7) {
                let found = finds(&fixture, service).await.expect("is found");
                assert_eq!(found.trace_id, trace_id);
                assert_eq!(found.services.len(), TraceSummary::MAX_SERVICES);
                assert!(found.has_more_services);
            }
            assert_eq!(finds(&fixture, SERVICES).await, None);
        }
    }
}

#[tokio::test]
async fn the_listed_services_of_a_trace_do_not_depend_on_the_order_of_arrival() {
    let mut lists = Vec::new();
    for is_reversed in [false, true] {
        let fixture = Fixture::new().await;
        let (_, mut sent) = of_services(&fixture, 0..200);
        if is_reversed {
            sent.reverse();
        }
        for part in sent.chunks(30) {
            fixture.write(part).await;
        }
        lists.push(finds(&fixture, 0).await.expect("is found").services);
    }
    assert_eq!(lists[0], lists[1]);
}

#[tokio::test]
async fn a_trace_with_as_many_services_as_it_may_list_is_complete() {
    let fixture = Fixture::new().await;
    let (_, sent) = of_services(&fixture, 0..TraceSummary::MAX_SERVICES);
    fixture.write(&sent).await;
    let found = finds(&fixture, 5).await.expect("is found");
    assert_eq!(found.services.len(), TraceSummary::MAX_SERVICES);
    assert!(!found.has_more_services);
    assert_eq!(finds(&fixture, TraceSummary::MAX_SERVICES).await, None);
}

#[tokio::test]
async fn many_spans_of_one_id_come_as_the_first_and_the_number_of_others() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(3);
    let (trace_id, span_id) = (ids.trace_id(), ids.span_id());
    let spans = |count: i64| {
        let span = |at: i64| {
            let span = lone("GET /", &mut Ids::seeded(4))
                .in_trace(trace_id)
                .id(span_id);
            Sent::by("shop", span.starts(fixture.at_ms(at)).build())
        };
        // The latest first.
        (0..count).rev().map(span).collect::<Vec<_>>()
    };
    assert_eq!(fixture.write(&spans(3_000)).await.received, 3_000);
    let read = fixture.reader().span_details(trace_id, span_id).await;
    let SpansOfId { spans: read, more } = read.expect("reads");
    assert_eq!((read.len(), more), (20, 2_980));
    let starts: Vec<_> = read.iter().map(|details| details.span.start).collect();
    let first: Vec<_> = (0..20).map(|at| fixture.at_ms(at)).collect();
    assert_eq!(starts, first);
}

#[tokio::test]
async fn large_spans_of_one_id_come_in_an_answer_of_bounded_size() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(5);
    let (trace_id, span_id) = (ids.trace_id(), ids.span_id());
    // Each answer has the resource of each span again.
    let text = "r".repeat(4_000);
    let attributes = (0..1_000).map(|at| {
        let key = Cow::Owned(format!("key-{at}"));
        (key, AttributeValue::from(text.clone()))
    });
    let resource = Arc::new(Resource {
        attributes: Attributes::from_pairs(attributes.collect()),
        ..Resource::default()
    });
    let sent: Vec<_> = (0..10)
        .map(|at| {
            let span = lone("GET /", &mut ids).in_trace(trace_id).id(span_id);
            Sent {
                resource: Arc::clone(&resource),
                scope: Arc::new(InstrumentationScope::default()),
                ..Sent::by("shop", span.starts(fixture.at_ms(at)).build())
            }
        })
        .collect();
    assert_eq!(fixture.write(&sent).await.received, 10);
    let read = fixture.reader().span_details(trace_id, span_id).await;
    let SpansOfId { spans, more } = read.expect("reads");
    assert_eq!((spans.len(), more), (2, 8));
}
