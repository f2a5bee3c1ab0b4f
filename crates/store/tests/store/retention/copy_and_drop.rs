//! Tests of pins and late errors at each point between the copy of the kept rows and the drop of a
//! partition.

use std::time::Duration;

use throughline_model::{PartitionStep, RetentionReport};
use throughline_store::{Retain, Rewrite};
use throughline_testkit::{Ids, Sent};
use throughline_wire::TraceId;

use super::interrupted::fail_after;
use super::races::{execute, retention_admin};
use super::support::{Aged, DAY};

/// Runs `change` while a run of retention waits to remove the only partition of blocks. The run has
/// counted the kept rows, and copied them if there are any.
async fn before_removal<T: std::fmt::Debug>(
    aged: &Aged,
    run: impl Future<Output = T>,
    change: impl AsyncFnOnce(),
) -> T {
    let mut blocker = aged.fixture.database.connection().await;
    let table: String = sqlx::query_scalar(
        "SELECT inhrelid::regclass::text FROM pg_inherits
         WHERE inhparent = 'level1_blocks'::regclass",
    )
    .fetch_one(&mut blocker)
    .await
    .expect("one partition");
    // The lock of a writer. It permits a copy but not the replacement of the table.
    let lock = format!("BEGIN; LOCK TABLE {table} IN ROW EXCLUSIVE MODE");
    execute(&mut blocker, lock).await;
    let waiting = "SELECT count(*) FROM pg_locks JOIN pg_class ON pg_class.oid = relation
        WHERE NOT granted AND mode = 'ShareRowExclusiveLock'
            AND relname LIKE 'level1_blocks_%'";
    let until_the_run_waits = async {
        while aged.fixture.count(waiting).await == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::pin!(run);
    tokio::select! {
        report = &mut run => panic!("the run did not wait: {report:?}"),
        () = until_the_run_waits => {}
    }
    let release = async {
        change().await;
        execute(&mut blocker, "COMMIT".to_owned()).await;
    };
    tokio::join!(run, release).0
}

/// Returns the settings of a run of the job, some days from now.
fn regular(aged: &Aged, days: i64) -> Retain {
    Retain {
        now: aged.noon.saturating_add(days * DAY),
        rewrite: Rewrite::Settled,
        ..aged.now()
    }
}

fn steps(report: &RetentionReport) -> Vec<PartitionStep> {
    report.partitions.iter().map(|change| change.step).collect()
}

/// Runs `change` while a regular run has copied the kept rows of the only partition of blocks and
/// has not replaced it.
async fn between_copy_and_drop(aged: &Aged, change: impl AsyncFnOnce()) {
    let report = before_removal(aged, aged.run(regular(aged, 0)), change).await;
    assert_eq!(steps(&report), [PartitionStep::Rewrite]);
}

/// Adds a failed span to a trace. It arrives on the day of the others.
async fn fail_late(aged: &Aged, trace_id: TraceId) {
    let seed = trace_id.to_bytes()[15].into();
    let late = crate::support::lone("late", &mut Ids::seeded(seed)).in_trace(trace_id);
    let late = late.starts(aged.noon.saturating_add(-9 * DAY));
    let sent = [Sent::by("shop", late.error("broken").build())];
    assert_eq!(aged.fixture.write(&sent).await.received, 1);
    aged.came_at_once(trace_id).await;
}

#[tokio::test]
async fn a_failed_trace_pinned_between_copy_and_drop_is_kept_whole() {
    let mut aged = Aged::new().await;
    let failed = aged.trace(9, false).await;
    let gone = aged.trace(9, false).await;
    aged.compact().await;
    // The error is too late for the partition of failed traces.
    fail_late(&aged, failed).await;
    Box::pin(between_copy_and_drop(&aged, async || {
        let retention_admin = retention_admin(&aged);
        let pin = retention_admin.pin(failed, String::new()).await;
        assert!(pin.expect("pins").is_some());
        assert_eq!(retention_admin.pin(gone, String::new()).await, Ok(None));
    }))
    .await;
    assert_eq!(aged.stored_spans().await, [failed].into());
    aged.run(Retain {
        now: aged.noon.saturating_add(60 * DAY),
        ..aged.now()
    })
    .await;
    assert_eq!(aged.listed().await, [failed].into());
    assert_eq!(aged.fixture.trace(failed).await.spans.len(), 3);
}

#[tokio::test]
async fn a_trace_that_fails_between_copy_and_drop_is_kept_whole() {
    let mut aged = Aged::new().await;
    let pinned = aged.trace(9, false).await;
    aged.pin(pinned).await;
    let gone = aged.trace(9, false).await;
    aged.compact().await;
    Box::pin(between_copy_and_drop(&aged, async || {
        fail_late(&aged, pinned).await;
        fail_late(&aged, gone).await;
    }))
    .await;
    aged.unpin().await;
    for _ in 0..2 {
        // The trace has failed, so it is kept for a month.
        assert_eq!(aged.listed().await, [pinned, gone].into());
        assert_eq!(aged.fixture.trace(pinned).await.spans.len(), 3);
        assert_eq!(aged.fixture.trace(gone).await.spans.len(), 1);
        aged.run(aged.now()).await;
    }
}

#[tokio::test]
async fn a_trace_sent_again_while_its_partition_is_dropped_keeps_its_new_spans_and_pin() {
    let mut aged = Aged::new().await;
    let again = aged.trace(9, false).await;
    let gone = aged.trace(9, false).await;
    aged.compact().await;
    let run = aged.run(regular(&aged, 0));
    let report = Box::pin(before_removal(&aged, run, async || {
        let retention_admin = retention_admin(&aged);
        assert_eq!(retention_admin.pin(gone, String::new()).await, Ok(None));
        fail_late(&aged, again).await;
        let pin = retention_admin.pin(again, String::new()).await;
        assert!(pin.expect("pins").is_some());
    }))
    .await;
    assert_eq!(steps(&report), [PartitionStep::Drop]);
    for days in [0, 60] {
        aged.run(regular(&aged, days)).await;
        assert_eq!(aged.listed().await, [again].into());
        assert_eq!(aged.stored_spans().await, [again].into());
        assert_eq!(aged.fixture.trace(again).await.spans.len(), 1);
    }
}

#[tokio::test]
async fn a_pinned_trace_that_fails_while_its_day_is_pruned_is_kept_whole() {
    let mut aged = Aged::new().await;
    let pinned = aged.trace(9, false).await;
    aged.pin(pinned).await;
    aged.trace(9, false).await;
    aged.compact().await;
    let mut lead = aged.lead().await;
    let prune = lead.prune_oldest_day(aged.noon, u64::MAX);
    let pruned = Box::pin(before_removal(&aged, prune, async || {
        fail_late(&aged, pinned).await;
    }))
    .await;
    let changes = pruned.expect("prunes").expect("a day");
    assert_eq!(changes[0].step, PartitionStep::Rewrite);
    lead.release().await;
    for _ in 0..2 {
        assert_eq!(aged.fixture.trace(pinned).await.spans.len(), 3);
        aged.run(aged.now()).await;
        assert_eq!(aged.listed().await, [pinned].into());
    }
}

#[tokio::test]
async fn a_pin_or_a_late_error_after_a_failed_step_keeps_its_trace() {
    for tag in ["CREATE TABLE", "ALTER TABLE", "DROP TABLE"] {
        let mut aged = Aged::new().await;
        let late = aged.trace(9, false).await;
        aged.pin(late).await;
        let failed = aged.trace(9, true).await;
        let (again, gone) = (aged.trace(9, false).await, aged.trace(9, false).await);
        aged.compact().await;
        fail_after(&aged, tag).await;
        let error = aged.try_run(regular(&aged, 0)).await.expect_err(tag);
        assert!(error.to_string().contains("injected"), "{error}");
        let retention_admin = retention_admin(&aged);
        assert_eq!(
            retention_admin.pin(gone, String::new()).await,
            Ok(None),
            "{tag}"
        );
        let pin = retention_admin.pin(failed, String::new()).await;
        assert!(pin.expect("pins").is_some());
        fail_late(&aged, late).await;
        assert_eq!(retention_admin.unpin(late).await, Ok(true));
        fail_late(&aged, again).await;
        aged.execute("DROP EVENT TRIGGER fail").await;
        aged.run(regular(&aged, 0)).await;
        assert_eq!(aged.listed().await, [late, failed, again].into(), "{tag}");
        assert_eq!(aged.stored_spans().await, [late, failed, again].into());
        for (trace_id, span_count) in [(late, 3), (failed, 2), (again, 1)] {
            let spans = aged.fixture.trace(trace_id).await.spans;
            assert_eq!(spans.len(), span_count, "{tag}");
        }
        aged.run(regular(&aged, 60)).await;
        assert_eq!(aged.listed().await, [failed].into(), "{tag}");
        assert_eq!(aged.fixture.trace(failed).await.spans.len(), 2, "{tag}");
    }
}
