//! Tests that retention locks rows in the order of the writers and repeats a batch after a
//! deadlock.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{AssertSqlSafe, PgConnection};
use throughline_model::StorageGauge;
use throughline_store::Gauge;
use throughline_testkit::{Ids, Sent, span};
use throughline_wire::{TenantId, TraceId, UnixNanos};
use tokio::time::sleep;

use super::support::{Aged, DAY};

/// Returns two trace ids, the smaller one first.
fn two_traces() -> [TraceId; 2] {
    [1, 2].map(|first| TraceId::from_bytes([first; 16]).expect("an id"))
}

/// Stores a trace of two spans that arrived at its end.
async fn store(aged: &Aged, trace_id: TraceId, start: UnixNanos) {
    let mut ids = Ids::seeded(trace_id.to_bytes()[0].into());
    let mut span = || span("work").in_trace(trace_id).id(ids.span_id());
    let root = span().starts(start).build();
    let child = span().starts(start).child_of(&root).build();
    let sent = [root, child].map(|span| Sent::by("shop", span));
    assert_eq!(aged.fixture.write(&sent).await.received, 2);
    aged.came_at_once(trace_id).await;
}

async fn execute(connection: &mut PgConnection, sql: String) {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await
        .expect("executes");
}

/// Waits until a connection waits for a row lock.
async fn until_somebody_waits_for_a_row(aged: &Aged) {
    let waiting = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE NOT granted AND locktype = 'transactionid' AND datname = current_database()";
    while aged.fixture.count(waiting).await == 0 {
        sleep(Duration::from_millis(5)).await;
    }
}

/// Locks the rows of `table` as a writer does, the smaller trace first, while a run waits for the
/// first lock. If the run has locked the other row already, this is a deadlock.
async fn lock_crosswise(aged: &Aged, table: &str, [first, second]: [TraceId; 2]) {
    let mut writer = aged.fixture.database.connection().await;
    let lock = |trace_id| format!("SELECT FROM {table} WHERE trace_id = '{trace_id}' FOR UPDATE");
    execute(&mut writer, format!("BEGIN; {}", lock(first))).await;
    let run = aged.run(aged.now());
    tokio::pin!(run);
    tokio::select! {
        report = &mut run => panic!("the run did not wait: {report:?}"),
        () = until_somebody_waits_for_a_row(aged) => {}
    }
    execute(&mut writer, format!("{} NOWAIT; COMMIT", lock(second))).await;
    run.await;
}

/// Stores two expired traces. The one with the greater id began first, so the order of the starts
/// differs from that of the ids.
async fn expired() -> (Aged, [TraceId; 2]) {
    let aged = Aged::new().await;
    let traces = two_traces();
    for (trace_id, days_ago) in traces.into_iter().zip([9, 10]) {
        store(&aged, trace_id, aged.noon.saturating_add(-days_ago * DAY)).await;
    }
    (aged, traces)
}

#[tokio::test]
async fn expired_traces_are_locked_in_the_order_of_writers() {
    let (aged, traces) = expired().await;
    lock_crosswise(&aged, "traces", traces).await;
    aged.assert_left(&[]).await;
}

#[tokio::test]
async fn rejection_counts_of_expired_traces_are_locked_in_the_order_of_writers() {
    let (aged, traces) = expired().await;
    aged.execute(
        "INSERT INTO refused_spans SELECT tenant_id, trace_id, 1 FROM traces ORDER BY start_ns",
    )
    .await;
    lock_crosswise(&aged, "refused_spans", traces).await;
    let refused = "SELECT count(*) FROM refused_spans";
    assert_eq!(aged.fixture.count(refused).await, 0);
}

#[tokio::test]
async fn open_spans_of_expired_traces_are_locked_in_the_order_of_writers() {
    let (aged, traces) = expired().await;
    aged.execute(
        "INSERT INTO open_spans (tenant_id, trace_id, span_id, operation_id, resource_id, scope_id,
             start_ns, received_ns)
         SELECT tenant_id, trace_id, 1, 1, 1, 1, start_ns, start_ns FROM traces ORDER BY start_ns",
    )
    .await;
    lock_crosswise(&aged, "open_spans", traces).await;
    let open = "SELECT count(*) FROM open_spans";
    assert_eq!(aged.fixture.count(open).await, 0);
}

/// Waits until this number of connections wait for advisory locks.
async fn until_waiting(aged: &Aged, count: i64) {
    let waiting = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE NOT granted AND locktype = 'advisory' AND datname = current_database()";
    while aged.fixture.count(waiting).await < count {
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn nobody_waits_to_pin_a_trace_while_a_run_waits_for_a_writer() {
    for is_erasure in [false, true] {
        let (aged, [first, other]) = expired().await;
        let mut writer = aged.fixture.database.connection().await;
        let lock = format!("BEGIN; SELECT FROM traces WHERE trace_id = '{first}' FOR UPDATE");
        execute(&mut writer, lock).await;
        let removal = async {
            if is_erasure {
                let gauge: Gauge = Arc::new(StorageGauge::default);
                let store = &aged.fixture.store;
                store
                    .erase_traces(TenantId::DEFAULT, &[first], false, &gauge, |_| {})
                    .await
                    .expect("erases");
            } else {
                aged.run(aged.now()).await;
            }
        };
        let pin = async {
            until_somebody_waits_for_a_row(&aged).await;
            let mut pinning = aged.fixture.database.connection().await;
            let is_free: bool = sqlx::query_scalar(
                "SELECT pg_try_advisory_lock_shared(hashtextextended('throughline.pins', 0))",
            )
            .fetch_one(&mut pinning)
            .await
            .expect("asks");
            assert!(is_free, "erasure: {is_erasure}");
            aged.pin(other).await;
            drop(pinning);
            execute(&mut writer, "COMMIT".to_owned()).await;
        };
        tokio::join!(removal, pin);
        aged.assert_left(&[other]).await;
    }
}

/// A run on request rewrites partitions that compaction may be writing to.
#[tokio::test]
async fn compaction_gets_its_lock_between_two_steps_of_a_rewrite() {
    // One step rewrites 8 blocks.
    const BLOCKS: i64 = 10;
    const COMPACTION: &str = "hashtextextended('throughline.compaction', 0)";
    let mut aged = Aged::new().await;
    let mut kept = Vec::new();
    for _ in 0..BLOCKS {
        kept.push(aged.imported(10, false).await);
        // Received today, and ten days old from now on.
        let gone = aged.imported(10, false).await;
        aged.execute(&format!(
            "UPDATE traces SET received_ns = end_ns WHERE trace_id = '{gone}'"
        ))
        .await;
        aged.compact().await;
    }
    let blocks = "SELECT count(*) FROM level1_blocks WHERE cardinality(trace_ids) = 2";
    assert_eq!(aged.fixture.count(blocks).await, BLOCKS);
    let mut holder = aged.fixture.database.connection().await;
    // The first step waits for this row.
    let first = "BEGIN; SELECT FROM level1_blocks ORDER BY id LIMIT 1 FOR UPDATE";
    execute(&mut holder, first.to_owned()).await;
    let mut compaction = aged.fixture.database.connection().await;
    let order = async {
        until_somebody_waits_for_a_row(&aged).await;
        let waiting = tokio::spawn(async move {
            execute(
                &mut compaction,
                format!("SELECT pg_advisory_lock({COMPACTION})"),
            )
            .await;
            compaction
        });
        until_waiting(&aged, 1).await;
        execute(&mut holder, "COMMIT".to_owned()).await;
        let mut compaction = waiting.await.expect("locks");
        until_waiting(&aged, 1).await;
        let left = aged.fixture.count(blocks).await;
        assert!((1..BLOCKS).contains(&left), "{left}");
        execute(
            &mut compaction,
            format!("SELECT pg_advisory_unlock({COMPACTION})"),
        )
        .await;
    };
    tokio::join!(aged.run(aged.now()), order);
    aged.assert_left(&kept).await;
}

#[tokio::test]
async fn traces_that_lost_a_day_are_locked_in_the_order_of_writers() {
    let aged = Aged::new().await;
    let traces = two_traces();
    // Stored in the other order, which is that of a table scan.
    for trace_id in [traces[1], traces[0]] {
        store(&aged, trace_id, aged.noon).await;
    }
    aged.execute(
        "UPDATE traces SET received_ns = received_ns - 5 * 86400000000000;
         UPDATE retention_state
         SET pruned_before_ns = (SELECT max(received_ns) + 1000000000 FROM traces)",
    )
    .await;
    lock_crosswise(&aged, "traces", traces).await;
    let marked = "SELECT count(*) FROM traces WHERE pruned_before_ns IS NOT NULL";
    assert_eq!(aged.fixture.count(marked).await, 2);
}

#[tokio::test]
async fn a_retention_batch_is_repeated_after_a_deadlock() {
    // A batch that removes traces, and one that records the lost days.
    for statement in ["DELETE", "UPDATE"] {
        let aged = Aged::new().await;
        let [gone, pruned] = two_traces();
        store(&aged, gone, aged.noon.saturating_add(-10 * DAY)).await;
        store(&aged, pruned, aged.noon).await;
        // The first two attempts fail. A sequence counts them, because it is not rolled back.
        aged.execute(&format!(
            "UPDATE traces SET received_ns = received_ns - 5 * 86400000000000
             WHERE trace_id = '{pruned}';
             UPDATE retention_state SET pruned_before_ns = (
                 SELECT received_ns + 1000000000 FROM traces WHERE trace_id = '{pruned}'
             );
             CREATE SEQUENCE attempts;
             CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN
                 IF nextval('attempts') <= 2 THEN
                     RAISE EXCEPTION 'injected' USING ERRCODE = '40P01';
                 END IF;
                 RETURN coalesce(NEW, OLD);
             END $$;
             CREATE TRIGGER fail BEFORE {statement} ON traces FOR EACH ROW EXECUTE FUNCTION fail();"
        ))
        .await;
        aged.run(aged.now()).await;
        aged.assert_left(&[pruned]).await;
        let attempts = "SELECT last_value FROM attempts";
        assert_eq!(aged.fixture.count(attempts).await, 3, "{statement}");
    }
}
