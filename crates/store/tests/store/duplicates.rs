//! The same span twice is one span, however it comes.

use std::time::Duration;

use sqlx::PgConnection;
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
async fn a_batch_that_holds_new_and_known_spans_counts_each_as_what_it_is() {
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
async fn a_span_twice_in_one_batch_is_one_received_and_one_duplicate() {
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
async fn another_span_with_a_taken_id_is_a_second_row() {
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
        .expect("reads");
    assert_eq!(details.len(), 2);
    assert!(details.iter().any(|details| details.span == server));
    assert_eq!(fixture.list(&TraceFilter::default()).await[0].span_count, 2);
}

#[tokio::test]
async fn any_change_of_content_makes_another_span() {
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
async fn two_servers_that_store_the_same_spans_at_once_store_each_once() {
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
        // In opposite order, so that the two meet in the middle.
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
async fn connections_of_one_server_that_meet_in_the_same_traces_count_every_span_once() {
    let fixture = Fixture::new().await;
    let now = fixture.now;
    let other = fixture.database.store_with(StoreOptions {
        writer_connections: 3,
        // A batch is a group: the connections never lack work.
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
        // Twice, in opposite order, so that commits meet in spans and in traces.
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

/// Waits until somebody waits for `holder`'s transaction, and commits it.
async fn commit_once_waited_for(holder: &mut PgConnection, watch: &mut PgConnection) {
    let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
        .fetch_one(&mut *holder)
        .await
        .expect("a process");
    let waiting = "SELECT count(*) FROM pg_stat_activity
                   WHERE datname = current_database() AND $1 = ANY(pg_blocking_pids(pid))";
    loop {
        let count: i64 = sqlx::query_scalar(waiting)
            .bind(pid)
            .fetch_one(&mut *watch)
            .await
            .expect("counts");
        if count > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    sqlx::raw_sql("COMMIT")
        .execute(holder)
        .await
        .expect("commits");
}

#[tokio::test]
async fn spans_that_others_store_while_a_group_makes_its_way_around_them_count_once() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(12);
    let trace_id = ids.trace_id();
    let sent: Vec<Sent> = (1..=3)
        .map(|at| {
            let span = span("work").in_trace(trace_id).id(span_id(at));
            Sent::by("shop", span.starts(fixture.now).build())
        })
        .collect();
    fixture.write(&sent).await;
    let mut watch = fixture.database.connection().await;
    // The directory keeps their trace, as it has it once the others have committed.
    let forget = "CREATE TABLE kept AS SELECT * FROM spans; DELETE FROM spans";
    sqlx::raw_sql(forget)
        .execute(&mut watch)
        .await
        .expect("forgets");

    // Two others have begun to store the first and the second span.
    let (mut first, mut second) = (
        fixture.database.connection().await,
        fixture.database.connection().await,
    );
    for (other, id) in [(&mut first, 1_i64), (&mut second, 2)] {
        sqlx::raw_sql("BEGIN")
            .execute(&mut *other)
            .await
            .expect("begins");
        sqlx::query("INSERT INTO spans SELECT * FROM kept WHERE span_id = $1")
            .bind(id)
            .execute(other)
            .await
            .expect("inserts");
    }
    let (writer, whole) = (fixture.store.writer(), batch(&sent));
    let submitted = tokio::spawn(async move { writer.submit(whole).await });
    commit_once_waited_for(&mut first, &mut watch).await;
    commit_once_waited_for(&mut second, &mut watch).await;
    let outcome = submitted.await.expect("runs").expect("is stored");
    assert_eq!(outcome, both(1, 2));
    assert_eq!(fixture.count(SPANS).await, 3);
}

#[tokio::test]
async fn spans_of_a_removed_trace_are_listed_again_when_they_come_again() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(31);
    let (removed, kept) = (lone("removed", &mut ids), lone("kept", &mut ids));
    let sent = [removed, kept].map(|span| Sent::by("shop", span.starts(fixture.now).build()));
    assert_eq!(fixture.write(&sent).await, received(2));
    // As retention leaves it until it sweeps the day: out of the directory, the row in its place.
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
