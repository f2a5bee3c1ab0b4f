//! Tests that a span that is sent twice is stored once, in any batches and from any servers.

use std::time::Duration;

use throughline_model::TraceFilter;
use throughline_store::StoreOptions;
use throughline_testkit::{Ids, Sent, span};

use crate::support::{Fixture, batch, both, lone, received, span_id};

const SPANS: &str = "SELECT count(*) FROM spans";

#[tokio::test]
async fn a_batch_sent_twice_is_stored_once_with_the_same_counts() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(1);
    let root = lone("root", &mut ids)
        .starts(fixture.now)
        .error("x")
        .build();
    let child = span("child")
        .id(ids.span_id())
        .child_of(&root)
        .starts(fixture.now)
        .build();
    let sent = [Sent::by("shop", root), Sent::by("shop", child)];

    assert_eq!(fixture.write(&sent).await, received(2));
    let once = fixture.list(&TraceFilter::default()).await;
    assert_eq!(fixture.write(&sent).await, both(0, 2));
    assert_eq!(fixture.list(&TraceFilter::default()).await, once);
    assert_eq!((once[0].span_count, once[0].error_count), (2, 1));
    assert_eq!(fixture.count(SPANS).await, 2);
}

#[tokio::test]
async fn a_batch_of_new_and_stored_spans_counts_received_and_duplicate() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(2);
    let trace_id = ids.trace_id();
    let mut spans: Vec<Sent> = (0..50)
        .map(|at| {
            let span = span(format!("step {}", at % 3))
                .in_trace(trace_id)
                .id(ids.span_id())
                .starts(fixture.at_ms(at))
                .build();
            Sent::by("shop", span)
        })
        .collect();
    assert_eq!(fixture.write(&spans[..30]).await, received(30));
    assert_eq!(fixture.write(&spans[20..]).await, both(20, 10));
    spans.reverse();
    assert_eq!(fixture.write(&spans).await, both(0, 50));
    assert_eq!(fixture.count(SPANS).await, 50);
    assert_eq!(
        fixture.list(&TraceFilter::default()).await[0].span_count,
        50
    );
}

#[tokio::test]
async fn a_span_twice_in_a_batch_counts_as_one_received_and_one_duplicate() {
    let fixture = Fixture::new().await;
    let one = lone("once", &mut Ids::seeded(3))
        .starts(fixture.now)
        .build();
    let other = lone("other", &mut Ids::seeded(4))
        .starts(fixture.now)
        .build();
    let sent = [&one, &one, &other].map(|span| Sent::by("shop", span.clone()));
    assert_eq!(fixture.write(&sent).await, both(2, 1));
    assert_eq!(fixture.count(SPANS).await, 2);
}

#[tokio::test]
async fn a_different_span_with_the_same_id_is_stored_as_a_second_span() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(5);
    let client = lone("call", &mut ids).starts(fixture.now).build();
    let mut server = client.clone();
    server.attributes.insert("side", "server");
    let sent = [&client, &server].map(|span| Sent::by("shop", span.clone()));
    assert_eq!(fixture.write(&sent).await, received(2));
    let details = fixture
        .reader()
        .span_details(client.trace_id, client.span_id)
        .await
        .expect("reads")
        .spans;
    assert_eq!(details.len(), 2);
    assert!(details.iter().any(|details| details.span == server));
    assert_eq!(fixture.list(&TraceFilter::default()).await[0].span_count, 2);
}

#[tokio::test]
async fn any_change_of_content_makes_a_different_span() {
    let fixture = Fixture::new().await;
    let base = lone("call", &mut Ids::seeded(6))
        .starts(fixture.now)
        .build();
    let mut variants = vec![
        Sent::by("shop", base.clone()),
        Sent::by("cart", base.clone()),
    ];
    let mut change = |edit: fn(&mut throughline_wire::Span)| {
        let mut span = base.clone();
        edit(&mut span);
        variants.push(Sent::by("shop", span));
    };
    change(|span| span.name = "other".into());
    change(|span| span.parent_span_id = Some(span_id(1)));
    change(|span| span.end = span.end.saturating_add(1));
    change(|span| span.flags = 1);
    change(|span| span.dropped_attributes_count = 1);
    change(|span| span.dropped_events_count = 1);
    change(|span| span.dropped_links_count = 1);
    change(|span| span.kind = throughline_wire::SpanKind::Server);
    change(|span| span.status = throughline_wire::Status::error(""));
    change(|span| span.status = throughline_wire::Status::error("why"));
    change(|span| span.trace_state = "a=b".into());
    change(|span| span.attributes.insert("a", 1_i64));
    change(|span| span.attributes.insert("a", 1.0_f64));
    let count = variants.len() as u64;
    assert_eq!(fixture.write(&variants).await, received(count));
    assert_eq!(fixture.write(&variants).await, both(0, count));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_store_the_same_spans_once_at_the_same_time() {
    let fixture = Fixture::new().await;
    let other = fixture.database.store(fixture.now);
    let mut ids = Ids::seeded(7);
    let batches: Vec<Vec<Sent>> = (0..20)
        .map(|_| {
            let trace_id = ids.trace_id();
            (0..40)
                .map(|_| {
                    let span = span("work").in_trace(trace_id).id(ids.span_id());
                    Sent::by("shop", span.starts(fixture.now).build())
                })
                .collect()
        })
        .collect();
    let (one, two) = (fixture.store.writer(), other.writer());
    let mut submitted = tokio::task::JoinSet::new();
    for (at, sent) in batches.iter().enumerate() {
        // The two send in opposite order, so that their batches overlap in the middle.
        let (first, second) = (batch(sent), batch(&batches[batches.len() - 1 - at]));
        let (one, two) = (one.clone(), two.clone());
        submitted.spawn(async move { one.submit(first).await });
        submitted.spawn(async move { two.submit(second).await });
    }
    let (mut new, mut known) = (0, 0);
    while let Some(outcome) = submitted.join_next().await {
        let outcome = outcome.expect("runs").expect("is stored");
        new += outcome.received;
        known += outcome.duplicate;
        assert_eq!(outcome.rejected, []);
    }
    assert_eq!((new, known), (800, 800));
    assert_eq!(fixture.count(SPANS).await, 800);
    let traces = fixture.list(&TraceFilter::default()).await;
    assert_eq!(traces.len(), 20);
    assert!(traces.iter().all(|trace| trace.span_count == 40));
    other.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_commits_of_one_server_count_each_span_of_a_trace_once() {
    let fixture = Fixture::new().await;
    let now = fixture.now;
    let other = fixture.database.store_with(StoreOptions {
        writer_connections: 3,
        // Each batch is a group, so the connections always have work.
        group_spans: 1,
        ..StoreOptions::new(move || now)
    });
    let mut ids = Ids::seeded(11);
    let traces: Vec<_> = (0..30).map(|_| ids.trace_id()).collect();
    let mut submitted = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let mut sent: Vec<Sent> = traces
            .iter()
            .map(|trace_id| {
                let span = span("work").in_trace(*trace_id).id(ids.span_id());
                Sent::by("shop", span.starts(now).build())
            })
            .collect();
        // All spans twice, in opposite order, so that concurrent commits have common spans and
        // traces.
        for _ in 0..2 {
            let (writer, batch) = (other.writer(), batch(&sent));
            submitted.spawn(async move { writer.submit(batch).await });
            sent.reverse();
        }
    }
    let (mut new, mut known) = (0, 0);
    while let Some(outcome) = submitted.join_next().await {
        let outcome = outcome.expect("runs").expect("is stored");
        new += outcome.received;
        known += outcome.duplicate;
    }
    assert_eq!((new, known), (600, 600));
    assert_eq!(fixture.count(SPANS).await, 600);
    let listed = fixture.list(&TraceFilter::default()).await;
    assert_eq!(listed.len(), 30);
    assert!(listed.iter().all(|trace| trace.span_count == 20));
    other.close().await;
}

#[tokio::test]
async fn overlapping_batches_of_two_servers_store_each_span_once() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(12);
    let trace_id = ids.trace_id();
    let sent: Vec<Sent> = (1..=30)
        .map(|at| {
            let span = span("work").in_trace(trace_id).id(span_id(at));
            Sent::by("shop", span.starts(fixture.now).build())
        })
        .collect();
    fixture.write(&sent[..5]).await;
    // Both have sent their batches before either can read the trace.
    let mut holder = fixture.database.connection().await;
    sqlx::raw_sql("BEGIN; SELECT FROM traces FOR UPDATE")
        .execute(&mut holder)
        .await
        .expect("locks");
    let stores = [(); 2].map(|()| fixture.database.store(fixture.now));
    let mut submitted = tokio::task::JoinSet::new();
    for (store, range) in stores.iter().zip([0..20, 10..30]) {
        let (writer, batch) = (store.writer(), batch(&sent[range]));
        submitted.spawn(async move { writer.submit(batch).await.expect("is stored") });
    }
    let waiting = "SELECT count(*) FROM pg_stat_activity
        WHERE wait_event_type = 'Lock' AND datname = current_database()";
    while fixture.count(waiting).await < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    sqlx::raw_sql("COMMIT")
        .execute(&mut holder)
        .await
        .expect("commits");
    let outcomes = submitted.join_all().await;
    let sum =
        |of: fn(&throughline_store::WriteOutcome) -> u64| outcomes.iter().map(of).sum::<u64>();
    assert_eq!(sum(|outcome| outcome.received), 25);
    assert_eq!(sum(|outcome| outcome.duplicate), 15);
    assert_eq!(fixture.count(SPANS).await, 30);
    let listed = fixture.list(&TraceFilter::default()).await;
    assert_eq!(listed[0].span_count, 30);
    assert_eq!(fixture.trace(trace_id).await.spans.len(), 30);
}

#[tokio::test]
async fn colliding_fingerprints_neither_lose_nor_duplicate_a_span() {
    let fixture = Fixture::new().await;
    let now = fixture.now;
    let store = fixture.database.store_with(StoreOptions {
        fingerprint_bits: 2,
        ..StoreOptions::new(move || now)
    });
    let mut ids = Ids::seeded(13);
    let trace_id = ids.trace_id();
    let sent: Vec<Sent> = (0..60)
        .map(|at| {
            let span = span("work").in_trace(trace_id).id(ids.span_id());
            Sent::by("shop", span.starts(fixture.at_ms(at)).build())
        })
        .collect();
    // Each batch repeats half of the previous one.
    let mut outcomes = Vec::new();
    for begin in (0..50).step_by(10) {
        let batch = batch(&sent[begin..begin + 20]);
        outcomes.push(store.writer().submit(batch).await.expect("is stored"));
    }
    let expected: Vec<_> = (0..5)
        .map(|at| if at == 0 { received(20) } else { both(10, 10) })
        .collect();
    assert_eq!(outcomes, expected);
    let stored = fixture.trace(trace_id).await.spans;
    let stored: Vec<_> = stored.into_iter().map(|stored| stored.span).collect();
    let sent: Vec<_> = sent.into_iter().map(|sent| sent.span).collect();
    assert_eq!(stored, sent);
}

#[tokio::test]
async fn retried_spans_of_a_large_trace_are_stored_once_in_any_batches() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(14);
    let trace_id = ids.trace_id();
    let sent: Vec<Sent> = (0..3_000)
        .map(|at| {
            let span = span("work").in_trace(trace_id).id(ids.span_id());
            Sent::by("shop", span.starts(fixture.at_ms(at)).build())
        })
        .collect();
    for (range, outcome) in [
        (0..700, received(700)),
        (500..1_400, both(700, 200)),
        (1_000..2_000, both(600, 400)),
        (0..3_000, both(1_000, 2_000)),
    ] {
        assert_eq!(fixture.write(&sent[range]).await, outcome);
    }
    // Another server has no digests in its cache.
    let other = fixture.database.store(fixture.now);
    let outcome = other
        .writer()
        .submit(batch(&sent))
        .await
        .expect("is stored");
    assert_eq!(outcome, both(0, 3_000));
    assert_eq!(fixture.count(SPANS).await, 3_000);
}

#[tokio::test]
async fn a_removed_trace_is_listed_again_when_its_spans_are_sent_again() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(31);
    let (removed, kept) = (lone("removed", &mut ids), lone("kept", &mut ids));
    let sent = [removed, kept].map(|span| Sent::by("shop", span.starts(fixture.now).build()));
    assert_eq!(fixture.write(&sent).await, received(2));
    // The state after retention and before compaction: the row is removed, the spans are still in
    // their block.
    let trace_id = sqlx::types::Uuid::from_bytes(sent[0].span.trace_id.to_bytes());
    sqlx::query("DELETE FROM traces WHERE trace_id = $1")
        .bind(trace_id)
        .execute(&mut fixture.database.connection().await)
        .await
        .expect("deletes");

    assert_eq!(fixture.write(&sent).await, both(1, 1));
    let listed = fixture.list(&TraceFilter::default()).await;
    let counts: Vec<_> = listed.iter().map(|trace| trace.span_count).collect();
    assert_eq!(counts, [1, 1]);
    assert_eq!(fixture.count(SPANS).await, 2);
}
