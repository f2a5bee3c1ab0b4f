//! Tests of the rules: when traces expire and when their partitions are removed.

use throughline_model::{PartitionStep, RetentionReport, RetentionRules};
use throughline_store::{Retain, Rewrite};
use throughline_testkit::Sent;
use throughline_wire::UnixNanos;

use super::support::{Aged, DAY};
use crate::support::lone;

fn steps(report: &RetentionReport, prefix: &str) -> Vec<PartitionStep> {
    report
        .partitions
        .iter()
        .filter(|change| change.table.starts_with(prefix))
        .map(|change| change.step)
        .collect()
}

#[tokio::test]
async fn a_trace_expires_a_week_after_its_end_and_a_failed_one_after_a_month() {
    let mut aged = Aged::new().await;
    let fresh = aged.trace(0, false).await;
    let kept = aged.trace(6, false).await;
    aged.trace(8, false).await;
    let failed = aged.trace(8, true).await;
    aged.trace(9, false).await;
    let pinned = aged.trace(9, false).await;
    aged.pin(pinned).await;
    aged.trace(20, false).await;
    let old_failed = aged.trace(29, true).await;
    aged.trace(31, true).await;
    aged.compact().await;
    let report = aged.run(aged.now()).await;
    aged.assert_left(&[fresh, kept, failed, pinned, old_failed])
        .await;
    assert_eq!((report.ok.trace_count, report.ok.span_count), (3, 6));
    assert_eq!((report.error.trace_count, report.error.span_count), (1, 2));
    // The partitions of the days 31, 20 and 8 are removed. That of day 9 loses one of its two
    // traces.
    let expected = [
        PartitionStep::Drop,
        PartitionStep::Drop,
        PartitionStep::Rewrite,
        PartitionStep::Drop,
    ];
    assert_eq!(steps(&report, "level1_blocks_"), expected);
    // The partitions of today and of the days 6, 8, 9 and 29.
    assert_eq!(aged.span_partitions().await, 5);
    let again = aged.run(aged.now()).await;
    assert_eq!(again, RetentionReport::default());
}

#[tokio::test]
async fn a_trace_with_a_warning_is_kept_like_a_failed_one() {
    let mut aged = Aged::new().await;
    let warned = aged.trace(8, false).await;
    let informed = aged.trace(8, false).await;
    aged.event(8, Some(warned), 13).await;
    aged.event(8, Some(informed), 9).await;
    aged.run(aged.now()).await;
    aged.assert_left(&[warned]).await;
    assert_eq!(aged.stored("events").await, [warned].into());
}

#[tokio::test]
async fn an_event_without_a_trace_expires_by_its_own_time() {
    let aged = Aged::new().await;
    aged.event(3, None, 9).await;
    aged.event(9, None, 17).await;
    aged.run(aged.now()).await;
    let events = aged.fixture.count("SELECT count(*) FROM events").await;
    assert_eq!(events, 1);
}

#[tokio::test]
async fn a_pinned_trace_stays_until_it_is_unpinned() {
    let mut aged = Aged::new().await;
    let pinned = aged.trace(35, true).await;
    aged.trace(35, true).await;
    aged.pin(pinned).await;
    aged.run(aged.now()).await;
    aged.assert_left(&[pinned]).await;
    aged.unpin().await;
    aged.run(aged.now()).await;
    aged.assert_left(&[]).await;
}

#[tokio::test]
async fn spans_that_expire_before_their_compaction_are_removed() {
    let mut aged = Aged::new().await;
    let kept = aged.trace(8, true).await;
    aged.trace(8, false).await;
    aged.trace(31, true).await;
    let report = aged.run(aged.now()).await;
    assert_eq!(steps(&report, "level1_blocks_"), []);
    aged.assert_left(&[kept]).await;
    assert_eq!(aged.span_partitions().await, 1);
}

#[tokio::test]
async fn a_partition_of_spans_is_dropped_a_day_after_the_retention_of_its_class() {
    let mut aged = Aged::new().await;
    let failed = aged.trace(10, true).await;
    let pinned = aged.trace(10, false).await;
    aged.pin(pinned).await;
    aged.trace(10, false).await;
    aged.compact().await;
    let regular = |days: i64, aged: &Aged| Retain {
        now: aged.noon.saturating_add(days * DAY),
        rewrite: Rewrite::Settled,
        ..aged.now()
    };
    // Noon, 8 days after the traces. They are expired, but the last hour of their day is not, for
    // one more day.
    let early = aged.run(regular(-2, &aged)).await;
    assert_eq!(early.ok.trace_count, 1);
    assert_eq!(steps(&early, "level1_blocks_"), []);
    assert_eq!(aged.listed().await, [failed, pinned].into());
    assert_eq!(aged.stored_spans().await.len(), 3);
    let settled = aged.run(regular(0, &aged)).await;
    assert_eq!(steps(&settled, "level1_blocks_"), [PartitionStep::Rewrite]);
    aged.assert_left(&[failed, pinned]).await;
    aged.unpin().await;
    let late = aged.run(regular(30, &aged)).await;
    // The partition of each class.
    assert_eq!(steps(&late, "level1_blocks_"), [PartitionStep::Drop; 2]);
    aged.assert_left(&[]).await;
}

#[tokio::test]
async fn a_trace_that_fails_after_its_compaction_keeps_its_spans() {
    let mut aged = Aged::new().await;
    let start = aged.noon.saturating_add(-9 * DAY);
    let root = lone("root", &mut aged.ids).starts(start).build();
    let late = lone("late", &mut aged.ids).starts(start).child_of(&root);
    let late = late.error("broken").build();
    let trace_id = root.trace_id;
    let send = async |span| {
        let sent = [Sent::by("shop", span)];
        assert_eq!(aged.fixture.write(&sent).await.received, 1);
        aged.came_at_once(trace_id).await;
        aged.compact().await;
    };
    send(root).await;
    send(late).await;
    aged.trace(9, false).await;
    aged.compact().await;
    let regular = |days: i64| Retain {
        now: aged.noon.saturating_add(days * DAY),
        rewrite: Rewrite::Settled,
        ..aged.now()
    };
    let report = aged.run(regular(0)).await;
    // A span of the partition without errors, whose other trace is removed.
    assert_eq!(steps(&report, "level1_blocks_"), [PartitionStep::Rewrite]);
    aged.assert_left(&[trace_id]).await;
    let again = aged.run(regular(1)).await;
    assert_eq!(steps(&again, "level1_blocks_"), []);
    aged.assert_left(&[trace_id]).await;
    let report = aged.run(regular(24)).await;
    assert_eq!(steps(&report, "level1_blocks_"), [PartitionStep::Drop; 2]);
    aged.assert_left(&[]).await;
}

#[tokio::test]
async fn an_expired_trace_frees_its_spans_even_if_others_are_kept() {
    let mut aged = Aged::new().await;
    aged.trace(9, false).await;
    let mut kept = Vec::new();
    for _ in 0..9 {
        let trace_id = aged.trace(9, false).await;
        aged.pin(trace_id).await;
        kept.push(trace_id);
    }
    aged.compact().await;
    let regular = |days: i64| Retain {
        now: aged.noon.saturating_add(days * DAY),
        rewrite: Rewrite::Settled,
        ..aged.now()
    };
    let report = aged.run(regular(0)).await;
    assert_eq!(steps(&report, "level1_blocks_"), [PartitionStep::Rewrite]);
    aged.assert_left(&kept).await;
    // Traces that expire one by one do not rewrite the partition each time.
    let unpin = async |trace_id| {
        aged.execute(&format!("DELETE FROM pins WHERE trace_id = '{trace_id}'"))
            .await;
        aged.run(regular(1)).await
    };
    for trace_id in kept.drain(..2) {
        assert_eq!(steps(&unpin(trace_id).await, "level1_blocks_"), []);
    }
    assert_eq!(aged.stored_spans().await.len(), 9);
    let report = unpin(kept.remove(0)).await;
    assert_eq!(steps(&report, "level1_blocks_"), [PartitionStep::Rewrite]);
    aged.assert_left(&kept).await;
}

#[tokio::test]
async fn the_archive_partition_is_emptied_and_not_dropped() {
    let mut aged = Aged::new().await;
    aged.trace(100, false).await;
    aged.run(aged.now()).await;
    aged.assert_left(&[]).await;
    let late = aged.trace(100, false).await;
    assert_eq!(aged.listed().await, [late].into());
}

#[tokio::test]
async fn a_late_span_of_a_freed_day_is_stored_and_expires() {
    let mut aged = Aged::new().await;
    aged.trace(10, false).await;
    aged.compact().await;
    aged.run(aged.now()).await;
    assert_eq!(aged.span_partitions().await, 0);
    let late = aged.trace(10, false).await;
    aged.assert_left(&[late]).await;
    aged.run(aged.now()).await;
    aged.assert_left(&[]).await;
}

#[tokio::test]
async fn rollups_outlive_their_spans_and_expire_by_their_own_rule() {
    let mut aged = Aged::new().await;
    aged.trace(6, false).await;
    aged.compact().await;
    // Four days later.
    let now = aged.noon.saturating_add(4 * UnixNanos::PER_DAY);
    let report = aged.run(Retain { now, ..aged.now() }).await;
    assert_eq!(report.ok.trace_count, 1);
    let rollups = "SELECT count(*) FROM rollups";
    assert!(aged.fixture.count(rollups).await > 0);
    aged.execute(
        "INSERT INTO dropped_spans (tenant_id, minute_ns, service_id, reason, span_count)
         SELECT tenant_id, start_ns, 1, reason, 5
         FROM rollups, unnest('{queue_full,too_big}'::text[]) AS reason
         GROUP BY tenant_id, start_ns, reason",
    )
    .await;
    aged.run(aged.now()).await;
    let dropped = "SELECT count(*) FROM dropped_spans";
    assert!(aged.fixture.count(dropped).await > 0);
    let rules = RetentionRules {
        rollup_ns: 5 * UnixNanos::PER_DAY,
        ..RetentionRules::default()
    };
    let report = aged
        .run(Retain {
            rules,
            ..aged.now()
        })
        .await;
    assert_eq!(report.rollup_count, 6);
    assert_eq!(aged.fixture.count(rollups).await, 0);
    assert_eq!(aged.fixture.count(dropped).await, 0);
}

#[tokio::test]
async fn a_dry_run_of_retention_reports_and_changes_nothing() {
    let mut aged = Aged::new().await;
    let mut all = vec![aged.trace(1, false).await];
    for (days, is_error) in [(8, false), (8, true), (12, false), (31, true)] {
        all.push(aged.trace(days, is_error).await);
    }
    aged.compact().await;
    let dry = aged
        .run(Retain {
            is_dry_run: true,
            ..aged.now()
        })
        .await;
    aged.assert_left(&all).await;
    assert!(dry.is_dry_run);
    let wet = aged.run(aged.now()).await;
    assert_eq!((dry.ok, dry.error), (wet.ok, wet.error));
    let expected = [PartitionStep::Drop; 3];
    assert_eq!(steps(&dry, "level1_blocks_"), expected);
    assert_eq!(steps(&wet, "level1_blocks_"), expected);
    assert!(dry.freed_bytes() > 0);
}

#[tokio::test]
async fn everything_expires_after_a_day_in_development_mode() {
    let mut aged = Aged::new().await;
    let today = aged.trace(0, true).await;
    aged.trace(2, true).await;
    let rules = RetentionRules::all(24 * UnixNanos::PER_HOUR);
    aged.run(Retain {
        rules,
        ..aged.now()
    })
    .await;
    aged.assert_left(&[today]).await;
}

#[tokio::test]
async fn removing_a_trace_removes_its_rejection_counts() {
    let mut aged = Aged::new().await;
    aged.trace(8, false).await;
    aged.trace(1, false).await;
    aged.execute("INSERT INTO refused_spans SELECT tenant_id, trace_id, 1 FROM traces")
        .await;
    aged.run(aged.now()).await;
    let refused = "SELECT count(*) FROM refused_spans";
    assert_eq!(aged.fixture.count(refused).await, 1);
}
