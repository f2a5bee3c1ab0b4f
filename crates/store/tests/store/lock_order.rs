//! Tests that commits lock common rows in one order: they wait for each other and never deadlock.

use std::time::Duration;

use metrics::set_default_local_recorder;
use sqlx::{Connection as _, PgConnection};
use throughline_store::Store;
use throughline_testkit::{Ids, Sent};
use throughline_wire::{ProcessId, Span};
use tokio::time::sleep;

use crate::completeness::process_report;
use crate::counted::CountedMetric;
use crate::span_limit::{limited, many};
use crate::support::{Fixture, batch};

fn with_number(sent: &Sent, number: u64) -> Span {
    Span {
        sequence: Some(number),
        ..sent.span.clone()
    }
}

#[tokio::test]
async fn starts_and_rejected_spans_of_full_traces_never_deadlock() {
    let conflicts = CountedMetric::new("throughline_writer_conflicts_total");
    // The writers run on the thread of the test.
    let _guard = set_default_local_recorder(&conflicts);
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(1);
    let stores = [limited(&fixture), limited(&fixture)];
    let full = [ids.trace_id(), ids.trace_id()].map(|id| many(&fixture, &mut ids, id, 11));
    for (store, trace) in stores.iter().zip(&full) {
        store.writer().submit(batch(trace)).await.expect("answers");
    }
    for round in 0..60 {
        let crosswise = [0, 1].map(|at| {
            let process = ProcessId::from_i64(1 + at as i64).expect("is not zero");
            let started = with_number(
                &many(&fixture, &mut ids, full[at][0].span.trace_id, 1)[0],
                0,
            );
            let refused = with_number(&full[1 - at][10], 1 + round);
            let report = process_report(process, 2 + round, &[refused], &[&started]);
            let writer = stores[at].writer();
            async move { writer.submit(report).await.expect("answers") }
        });
        let [one, other] = crosswise;
        let (one, other) = tokio::join!(one, other);
        assert_eq!((one.rejected.len(), other.rejected.len()), (1, 1));
    }
    assert_eq!(conflicts.count(), 0);
}

/// Locks the traces so that their writers wait. Returns the connection that holds the lock.
async fn hold_writers(fixture: &Fixture) -> PgConnection {
    let mut connection = fixture.database.connection().await;
    sqlx::raw_sql("BEGIN; LOCK TABLE traces IN SHARE MODE")
        .execute(&mut connection)
        .await
        .expect("locks");
    connection
}

async fn wait_until_both_wait(fixture: &Fixture) {
    let waiting = "SELECT count(*) FROM pg_locks
        WHERE NOT granted AND relation = 'traces'::regclass";
    while fixture.count(waiting).await < 2 {
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn servers_that_receive_the_same_batches_in_different_order_never_deadlock() {
    let conflicts = CountedMetric::new("throughline_writer_conflicts_total");
    let _guard = set_default_local_recorder(&conflicts);
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(2);
    let mut trace = |count| {
        let trace_id = ids.trace_id();
        many(&fixture, &mut ids, trace_id, count)
    };
    let stores = [(); 2].map(|()| fixture.database.store(fixture.now));
    for store in &stores {
        // Creates the partitions and the dictionary entries.
        let first = batch(&trace(1));
        store.writer().submit(first).await.expect("answers");
    }
    for _ in 0..3 {
        let held = hold_writers(&fixture).await;
        let mut submitted = tokio::task::JoinSet::new();
        let mut submit = |store: &Store, sent: &[Sent]| {
            let (writer, batch) = (store.writer(), batch(sent));
            submitted.spawn(async move { writer.submit(batch).await.expect("answers") });
        };
        // The first batch of each server waits, so that the others form one group.
        for store in &stores {
            submit(store, &trace(1));
        }
        wait_until_both_wait(&fixture).await;
        let both = [trace(3_000), trace(3_000)];
        for (one, other) in [(0, 1), (1, 0)] {
            submit(&stores[0], &both[one]);
            submit(&stores[1], &both[other]);
            // Keeps the order of the two batches in the queue.
            sleep(Duration::from_millis(100)).await;
        }
        held.close().await.expect("closes");
        let outcomes = submitted.join_all().await;
        let received: u64 = outcomes.iter().map(|outcome| outcome.received).sum();
        assert_eq!(received, 6_002);
    }
    assert_eq!(conflicts.count(), 0);
}
