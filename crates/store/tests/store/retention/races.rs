//! Tests of a pin concurrent with a run: a pinned trace stays, and a removed trace cannot be
//! pinned.

use std::sync::Arc;
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use throughline_model::{RetentionAdmin, RetentionRules, StorageGauge};
use throughline_testkit::{Ids, Sent};
use throughline_wire::{TenantId, TraceId};

use super::support::Aged;

pub(super) fn retention_admin(aged: &Aged) -> Arc<dyn RetentionAdmin> {
    let gauge = Arc::new(StorageGauge::default);
    let rules = RetentionRules::default();
    aged.fixture
        .store
        .retention_admin(TenantId::DEFAULT, rules, gauge)
}

pub(super) async fn execute(connection: &mut PgConnection, sql: String) {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await
        .expect("executes");
}

/// Begins a pin and does not commit it.
async fn begin_to_pin(aged: &Aged, trace_id: TraceId) -> PgConnection {
    let mut connection = aged.fixture.database.connection().await;
    execute(
        &mut connection,
        format!(
            "BEGIN;
             SELECT pg_advisory_xact_lock_shared(hashtextextended('throughline.pins', 0));
             INSERT INTO pins SELECT tenant_id, trace_id, 0, '' FROM traces
             WHERE trace_id = '{trace_id}';"
        ),
    )
    .await;
    connection
}

/// Waits until a connection waits for an advisory lock.
async fn until_somebody_waits(aged: &Aged) {
    let waiting = "SELECT count(*) FROM pg_locks JOIN pg_database AS d ON d.oid = database
                   WHERE NOT granted AND locktype = 'advisory' AND datname = current_database()";
    while aged.fixture.count(waiting).await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_trace_that_is_pinned_while_it_expires_stays() {
    let mut aged = Aged::new().await;
    let pinned = aged.trace(10, false).await;
    aged.trace(10, false).await;
    let mut pin = begin_to_pin(&aged, pinned).await;
    let run = aged.run(aged.now());
    let commit = async {
        until_somebody_waits(&aged).await;
        execute(&mut pin, "COMMIT".to_owned()).await;
    };
    let (report, ()) = tokio::join!(run, commit);
    assert_eq!(report.ok.trace_count, 1);
    aged.assert_left(&[pinned]).await;
}

#[tokio::test]
async fn pinning_a_trace_that_is_removed_meanwhile_reports_not_found() {
    let mut aged = Aged::new().await;
    let gone = aged.trace(10, false).await;
    let mut run = aged.fixture.database.connection().await;
    execute(
        &mut run,
        format!(
            "BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('throughline.pins', 0));
             DELETE FROM traces WHERE trace_id = '{gone}';"
        ),
    )
    .await;
    let retention_admin = retention_admin(&aged);
    let commit = async {
        until_somebody_waits(&aged).await;
        execute(&mut run, "COMMIT".to_owned()).await;
    };
    let (pin, ()) = tokio::join!(retention_admin.pin(gone, String::new()), commit);
    assert_eq!(pin, Ok(None));
    assert_eq!(retention_admin.list_pins().await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_trace_that_is_pinned_while_its_day_is_pruned_keeps_its_spans() {
    let mut aged = Aged::new().await;
    let pinned = aged.trace(5, false).await;
    aged.compact().await;
    let mut pin = begin_to_pin(&aged, pinned).await;
    let mut lead = aged.lead().await;
    let prune = lead.prune_oldest_day(aged.noon, u64::MAX);
    let commit = async {
        until_somebody_waits(&aged).await;
        execute(&mut pin, "COMMIT".to_owned()).await;
    };
    let (changes, ()) = tokio::join!(prune, commit);
    changes.expect("prunes");
    lead.release().await;
    assert_eq!(aged.fixture.trace(pinned).await.spans.len(), 2);
}

#[tokio::test]
async fn a_trace_whose_day_was_pruned_cannot_be_pinned() {
    let mut aged = Aged::new().await;
    let pruned = aged.trace(5, false).await;
    let young = aged.trace(1, false).await;
    aged.compact().await;
    let mut lead = aged.lead().await;
    let changes = lead.prune_oldest_day(aged.noon, u64::MAX).await;
    assert!(changes.expect("prunes").is_some());
    let retention_admin = retention_admin(&aged);
    assert_eq!(retention_admin.pin(pruned, String::new()).await, Ok(None));
    let pin = retention_admin
        .pin(young, String::new())
        .await
        .expect("pins");
    assert!(pin.is_some());
}

/// Removes the row of a trace while its spans are compacted, and stores the trace again at once.
#[tokio::test]
async fn spans_of_a_trace_that_is_removed_while_it_is_compacted_do_not_come_back() {
    let mut aged = Aged::new().await;
    let trace_id = aged.trace(10, false).await;
    aged.trace(0, false).await;
    // Retention blocks compaction until the row is removed.
    let mut removal = aged.fixture.database.connection().await;
    execute(
        &mut removal,
        format!(
            "SELECT pg_advisory_lock(hashtextextended('throughline.compaction', 0));
             BEGIN;
             DELETE FROM traces WHERE trace_id = '{trace_id}';"
        ),
    )
    .await;
    let store = &aged.fixture.store;
    let again = crate::support::lone("again", &mut Ids::seeded(4)).in_trace(trace_id);
    let again = [Sent::by("shop", again.starts(aged.noon).build())];
    let commit = async {
        until_somebody_waits(&aged).await;
        // The new row waits for the removal of the old one.
        let waiting = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
                       WHERE NOT granted AND locktype = 'transactionid'
                           AND datname = current_database()";
        while aged.fixture.count(waiting).await == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        execute(&mut removal, "COMMIT".to_owned()).await;
        removal.close().await.expect("closes");
    };
    let (compacted, written, ()) =
        tokio::join!(store.compact_once(), aged.fixture.write(&again), commit);
    assert_eq!(compacted.expect("compacts").dropped_spans, 2);
    assert_eq!(written.received, 1);
    aged.compact().await;
    assert_eq!(aged.fixture.trace(trace_id).await.spans.len(), 1);
}

#[tokio::test]
async fn table_copies_of_an_interrupted_run_are_dropped_by_the_next_one() {
    let aged = Aged::new().await;
    for table in [
        "level1_blocks_20200101_ok_kept",
        "events_archive_kept",
        "level1_blocks_kept",
    ] {
        aged.execute(&format!("CREATE TABLE {table} (x int)")).await;
    }
    aged.run(aged.now()).await;
    let copies = "SELECT count(*) FROM pg_class WHERE relname LIKE '%_kept'";
    assert_eq!(aged.fixture.count(copies).await, 1);
    aged.execute("DROP TABLE level1_blocks_kept").await;
}
