//! Tests that payloads are removed with the last row that refers to them.

use throughline_store::Rewrite;
use throughline_testkit::Sent;
use throughline_wire::{LogRecord, Span, TraceId};

use super::support::{Aged, DAY};
use crate::support::lone;

const PAYLOADS: &str = "SELECT count(*) FROM payloads";

/// Stores a trace of one span with these large values, this number of days ago.
async fn trace(aged: &mut Aged, days_ago: i64, is_error: bool, values: &[&str]) -> Span {
    let start = aged.noon.saturating_add(-days_ago * DAY);
    let mut span = lone("work", &mut aged.ids).starts(start);
    if is_error {
        span = span.error("broken");
    }
    for (at, value) in values.iter().enumerate() {
        span = span.with(["one", "two"][at], large(value));
    }
    let span = span.build();
    let sent = Sent::by("shop", span.clone());
    assert_eq!(aged.fixture.write(&[sent]).await.received, 1);
    aged.came_at_once(span.trace_id).await;
    span
}

fn large(value: &str) -> String {
    value.repeat(10_000)
}

async fn assert_whole(aged: &Aged, span: &Span) {
    let trace = aged.fixture.trace(span.trace_id).await;
    assert_eq!(trace.spans[0].span, *span);
}

#[tokio::test]
async fn payloads_without_a_kept_reference_are_removed_and_the_others_stay() {
    let mut aged = Aged::new().await;
    trace(&mut aged, 8, false, &["gone", "shared"]).await;
    let left = trace(&mut aged, 8, true, &["left", "shared"]).await;
    // In the archive, where the payloads of many days are in one table.
    trace(&mut aged, 100, false, &["shared", "old"]).await;
    let pinned = trace(&mut aged, 101, false, &["shared", "pinned"]).await;
    aged.pin(pinned.trace_id).await;
    assert_eq!(aged.fixture.count(PAYLOADS).await, 7);
    aged.compact().await;
    // Both levels have references.
    let fresh = trace(&mut aged, 8, true, &["left"]).await;
    aged.run(aged.now()).await;
    assert_eq!(aged.fixture.count(PAYLOADS).await, 4);
    assert_whole(&aged, &left).await;
    assert_whole(&aged, &fresh).await;
    assert_whole(&aged, &pinned).await;
    aged.unpin().await;
    aged.run(aged.now()).await;
    assert_eq!(aged.fixture.count(PAYLOADS).await, 2);
    assert_whole(&aged, &left).await;
}

#[tokio::test]
async fn a_payload_of_an_imported_old_span_stays_when_its_day_is_pruned() {
    let mut aged = Aged::new().await;
    trace(&mut aged, 5, false, &["gone", "shared"]).await;
    let start = aged.noon.saturating_add(-5 * DAY);
    let span = lone("work", &mut aged.ids).starts(start);
    let span = span
        .with("one", large("left"))
        .with("two", large("shared"))
        .build();
    let sent = Sent::by("shop", span.clone());
    assert_eq!(aged.fixture.write(&[sent]).await.received, 1);
    aged.compact().await;
    let mut lead = aged.lead().await;
    while lead
        .prune_oldest_day(aged.noon, u64::MAX)
        .await
        .expect("prunes")
        .is_some()
    {}
    lead.release().await;
    assert_eq!(aged.fixture.count(PAYLOADS).await, 2);
    assert_whole(&aged, &span).await;
}

#[tokio::test]
async fn a_payload_of_a_kept_event_stays() {
    let mut aged = Aged::new().await;
    let left = trace(&mut aged, 8, true, &[]).await;
    let gone = trace(&mut aged, 8, false, &[]).await;
    let event = |of: TraceId, body: &str| LogRecord {
        time: aged.noon.saturating_add(-8 * DAY),
        trace_id: Some(of),
        body: large(body).into(),
        ..LogRecord::default()
    };
    let events = vec![event(left.trace_id, "left"), event(gone.trace_id, "gone")];
    aged.write_events(events).await;
    aged.execute("UPDATE events SET received_ns = at_ns").await;
    assert_eq!(aged.fixture.count(PAYLOADS).await, 2);
    aged.run(aged.now()).await;
    assert_eq!(aged.fixture.count(PAYLOADS).await, 1);
    let of = throughline_model::EventsOf::Trace(left.trace_id);
    let page = aged.fixture.reader().whole_events(&of, None).await;
    let record = &page.expect("reads").events[0].record;
    assert_eq!(record.body, large("left").into());
}

#[tokio::test]
async fn a_removed_payload_is_stored_again_for_a_late_span() {
    let mut aged = Aged::new().await;
    trace(&mut aged, 8, false, &["value"]).await;
    trace(&mut aged, 8, true, &["other"]).await;
    aged.run(aged.now()).await;
    assert_eq!(aged.fixture.count(PAYLOADS).await, 1);
    let late = trace(&mut aged, 8, true, &["value"]).await;
    aged.run(throughline_store::Retain {
        rewrite: Rewrite::Settled,
        ..aged.now()
    })
    .await;
    assert_eq!(aged.fixture.count(PAYLOADS).await, 2);
    assert_whole(&aged, &late).await;
}
