//! Tests of the bounds of one response, independent of the amount of stored data.

use std::sync::Arc;

use throughline_codec::budget::PartBudget;
use throughline_codec::context::Repairs;
use throughline_model::{Direction, EventFilter, EventPageRequest};
use throughline_store::{SpanGroup, StoreOptions, WriteBatch, WriteError};
use throughline_testkit::{Ids, Sent, span};
use throughline_wire::{
    Attributes, LogRecord, Repair, RepairSet, Resource, SpanEvent, TenantId, TraceId, semconv,
};

use crate::support::{Fixture, received};

/// Returns `count` attributes of nearly 8 KiB each, which are not large enough to be offloaded.
fn inline(count: usize) -> Attributes {
    let value = "x".repeat(8_000);
    (0..count)
        .map(|at| (format!("k{at}"), value.clone()))
        .collect()
}

#[tokio::test]
async fn pages_of_a_trace_with_large_values_contain_the_whole_trace() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(77);
    let trace_id = ids.trace_id();
    let value = "v".repeat(1 << 20);
    let sent: Vec<Sent> = (0..40_i64)
        .map(|at| {
            let span = span("x").in_trace(trace_id).id(ids.span_id());
            let mut span = span.build();
            span.start = fixture.at_ms(at % 7);
            span.end = fixture.at_ms(at % 7);
            span.attributes.insert("shared", value.clone());
            Sent::by("shop", span)
        })
        .collect();
    assert_eq!(fixture.write(&sent).await, received(40));
    let reader = fixture.reader();
    let (mut read, mut after, mut pages) = (Vec::new(), None, 0);
    loop {
        let page = reader.trace(trace_id, after).await.expect("reads");
        let page = page.expect("the trace");
        // 10 MiB of values for each owner of attributes.
        assert!(page.spans.len() <= 10, "{}", page.spans.len());
        read.extend(page.spans.into_iter().map(|stored| stored.span));
        pages += 1;
        after = page.after;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(pages, 4);
    let mut expected: Vec<_> = sent.into_iter().map(|sent| sent.span).collect();
    expected.sort_by_key(|span| span.span_id);
    read.sort_by_key(|span| span.span_id);
    assert!(read == expected);
}

#[tokio::test]
async fn event_marks_of_a_waterfall_are_limited_by_their_uncompressed_bytes() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(78);
    let trace_id = ids.trace_id();
    let sent: Vec<Sent> = (0..700_i64)
        .map(|at| {
            let span = span("x").in_trace(trace_id).id(ids.span_id());
            let mut span = span.build();
            (span.start, span.end) = (fixture.at_ms(at), fixture.at_ms(at));
            span.events.push(SpanEvent {
                time: span.start,
                name: "e".into(),
                attributes: inline(1),
                dropped_attributes_count: 0,
            });
            Sent::by("shop", span)
        })
        .collect();
    assert_eq!(fixture.write(&sent).await, received(700));
    let skeleton = fixture.reader().trace_skeleton(trace_id).await;
    let skeleton = skeleton.expect("reads").expect("the trace");
    assert_eq!(skeleton.spans.len(), 700);
    let marked = skeleton.spans.iter().filter(|span| !span.events.is_empty());
    let marked = marked.count() as u64;
    // The first 4 MiB of events of 8 KB each.
    assert!((500..540).contains(&marked), "{marked}");
    assert_eq!(skeleton.unmarked_spans, 700 - marked);
    assert!(!skeleton.spans[0].events.is_empty());
}

fn log(fixture: &Fixture, trace_id: TraceId, at: i64, message: &str) -> LogRecord {
    LogRecord {
        time: fixture.at_ms(at),
        trace_id: Some(trace_id),
        body: message.to_owned().into(),
        ..LogRecord::default()
    }
}

async fn write(fixture: &Fixture, events: Vec<LogRecord>) {
    let count = events.len() as u64;
    let batch = WriteBatch {
        tenant: TenantId::DEFAULT,
        groups: vec![SpanGroup {
            resource: Arc::new(Resource::of_service("shop")),
            events,
            ..SpanGroup::default()
        }],
    };
    let outcome = fixture.store.writer().submit(batch).await;
    assert_eq!(outcome.expect("is stored").events.received, count);
}

#[tokio::test]
async fn pages_of_large_events_are_limited_by_bytes_in_both_directions() {
    let fixture = Fixture::new().await;
    let trace_id = Ids::seeded(79).trace_id();
    for at in 0..10 {
        let mut event = log(&fixture, trace_id, at, "large");
        event.attributes = inline(500);
        write(&fixture, vec![event]).await;
    }
    let reader = fixture.reader();
    let filter = EventFilter::of_trace(trace_id);
    let mut request = EventPageRequest::default();
    let (mut seen, mut pages) = (Vec::new(), Vec::new());
    loop {
        let page = reader.list_events(&filter, request).await.expect("reads");
        // Events of 4 MB each; a page has at most 8 MiB.
        assert!((1..=4).contains(&page.items.len()), "{}", page.items.len());
        seen.extend(page.items.iter().map(|event| event.record.time));
        pages.push(page.items.len());
        match page.after {
            Some(after) => request.from = Some((Direction::After, after)),
            None => break,
        }
        if let Some(before) = page.before {
            let from = Some((Direction::Before, before));
            let back = EventPageRequest { from, ..request };
            let back = reader.list_events(&filter, back).await.expect("reads");
            assert!((1..=4).contains(&back.items.len()));
        }
    }
    let expected: Vec<_> = (0..10).rev().map(|at| fixture.at_ms(at)).collect();
    assert_eq!(seen, expected);
    assert!(pages.len() >= 2, "{pages:?}");
}

#[tokio::test]
async fn an_event_search_reads_a_bounded_number_of_events_and_reports_its_position() {
    let fixture = Fixture::new().await;
    let trace_id = Ids::seeded(80).trace_id();
    let needle = log(&fixture, trace_id, -30_000, "a needle");
    write(&fixture, vec![needle]).await;
    let hay = (0..20_500).map(|at| log(&fixture, trace_id, -at, "hay"));
    write(&fixture, hay.collect()).await;
    let filter = EventFilter {
        text: Some("NEEDLE".to_owned()),
        ..EventFilter::of_trace(trace_id)
    };
    let reader = fixture.reader();
    let first = EventPageRequest::default();
    let page = reader.list_events(&filter, first).await.expect("reads");
    assert!(page.items.is_empty());
    assert_eq!(page.searched_to, Some(fixture.at_ms(-19_999)));
    let from = Some((Direction::After, page.after.expect("goes on")));
    let next = EventPageRequest { from, ..first };
    let page = reader.list_events(&filter, next).await.expect("reads");
    assert_eq!(page.items.len(), 1);
    assert_eq!((page.searched_to, page.after), (None, None));
}

#[tokio::test]
async fn a_queue_is_full_when_the_resources_in_it_fill_it() {
    const RESOURCE_BYTES: usize = 18 << 20;
    let fixture = Fixture::new().await;
    let now = fixture.now;
    let store = fixture.database.store_with(StoreOptions {
        queue_bytes: 32 << 20,
        ..StoreOptions::new(move || now)
    });
    let mut blocking = fixture.database.connection().await;
    sqlx::raw_sql("BEGIN; LOCK TABLE traces IN ACCESS EXCLUSIVE MODE")
        .execute(&mut blocking)
        .await
        .expect("locks");
    let mut submitted = tokio::task::JoinSet::new();
    for at in 0..8 {
        let mut resource = Resource::of_service("shop");
        for part in 0..RESOURCE_BYTES >> 20 {
            let value = format!("{at} {}", "v".repeat(1 << 20));
            resource.attributes.insert(format!("k{part}"), value);
        }
        let mut span = span("x").build();
        (span.start, span.end) = (fixture.now, fixture.now);
        let batch = WriteBatch {
            tenant: TenantId::DEFAULT,
            groups: vec![SpanGroup {
                resource: Arc::new(resource),
                spans: vec![span],
                ..SpanGroup::default()
            }],
        };
        let writer = store.writer();
        submitted.spawn(async move { writer.submit(batch).await });
    }
    // Seven are refused while one waits for its commit.
    for _ in 0..7 {
        let refused = submitted
            .join_next()
            .await
            .expect("one of 8")
            .expect("runs");
        assert!(
            matches!(refused, Err(WriteError::Overloaded { .. })),
            "{refused:?}"
        );
    }
    sqlx::raw_sql("ROLLBACK")
        .execute(&mut blocking)
        .await
        .expect("unlocks");
    let stored = submitted
        .join_next()
        .await
        .expect("the last")
        .expect("runs");
    assert_eq!(stored.expect("is stored").received, 1);
}

#[tokio::test]
async fn a_service_name_of_a_megabyte_is_listed_truncated_and_stored_whole() {
    let fixture = Fixture::new().await;
    let name = "s".repeat(900_000);
    let resource = throughline_codec::validate::validate_resource(
        Resource::of_service(name.clone()),
        &throughline_wire::Limits::default(),
        Repairs::NONE,
        &mut PartBudget::for_request(),
    );
    let mut sent = Sent::by("shop", span("x").build());
    (sent.span.start, sent.span.end) = (fixture.now, fixture.now);
    let trace_id = sent.span.trace_id;
    sent.resource = Arc::new(resource);
    assert_eq!(fixture.write(&[sent]).await, received(1));
    let listed = fixture.reader().list_services("").await.expect("reads");
    assert_eq!(listed.names, [format!("{}…", "s".repeat(1_023))]);
    let trace = fixture.trace(trace_id).await;
    let attributes = &trace.resources[0].attributes;
    assert_eq!(
        attributes.get_str(semconv::SERVICE_NAME),
        Some(name.as_str())
    );
    assert!(RepairSet::of(attributes).contains(Repair::NameCut));
}
