//! Tests that the retention of late data begins at its arrival, such as that of an imported old
//! file.

use throughline_model::RetentionReport;
use throughline_store::Retain;

use super::support::{Aged, DAY};

fn in_days(aged: &Aged, days: i64) -> Retain {
    Retain {
        now: aged.noon.saturating_add(days * DAY),
        ..aged.now()
    }
}

async fn would_remove(aged: &Aged, retain: Retain) -> RetentionReport {
    aged.run(Retain {
        is_dry_run: true,
        ..retain
    })
    .await
}

#[tokio::test]
async fn an_imported_old_trace_is_kept_from_its_import_for_the_time_of_its_rule() {
    let mut aged = Aged::new().await;
    let ok = aged.imported(20, false).await;
    let failed = aged.imported(100, true).await;
    for (days, left) in [
        (0, vec![ok, failed]),
        (6, vec![ok, failed]),
        (9, vec![failed]),
    ] {
        let retain = in_days(&aged, days);
        let dry_run = would_remove(&aged, retain).await;
        let report = aged.run(retain).await;
        aged.assert_left(&left).await;
        assert_eq!(
            (dry_run.ok, dry_run.error),
            (report.ok, report.error),
            "{days}"
        );
    }
    let retain = in_days(&aged, 32);
    assert_eq!(would_remove(&aged, retain).await.error.trace_count, 1);
    aged.run(retain).await;
    aged.assert_left(&[]).await;
}

#[tokio::test]
async fn imported_old_spans_are_kept_as_long_as_other_spans_of_the_same_day() {
    let mut aged = Aged::new().await;
    let imported = aged.imported(60, false).await;
    let fresh = aged.trace(0, false).await;
    aged.compact().await;
    assert_eq!(aged.span_partitions().await, 1);
    let regular = |days: i64| Retain {
        rewrite: throughline_store::Rewrite::Settled,
        ..in_days(&aged, days)
    };
    for days in [0, 6] {
        aged.run(regular(days)).await;
        aged.assert_left(&[imported, fresh]).await;
    }
    aged.run(regular(9)).await;
    aged.assert_left(&[]).await;
    assert_eq!(aged.span_partitions().await, 0);
}

#[tokio::test]
async fn a_late_span_does_not_extend_the_retention_of_its_trace() {
    let mut aged = Aged::new().await;
    let old = aged.trace(10, false).await;
    let start = aged.noon.saturating_add(-10 * DAY);
    let mut ids = throughline_testkit::Ids::seeded(5);
    let late = crate::support::lone("late", &mut ids).in_trace(old);
    let late = late.starts(start).build();
    let sent = throughline_testkit::Sent::by("shop", late);
    assert_eq!(aged.fixture.write(&[sent]).await.received, 1);
    aged.run(aged.now()).await;
    aged.assert_left(&[]).await;
}

#[tokio::test]
async fn a_late_event_without_a_trace_is_kept_from_its_arrival() {
    let aged = Aged::new().await;
    aged.late_event(12, 1, None, 9).await;
    aged.late_event(12, 11, None, 10).await;
    let count = async || aged.fixture.count("SELECT count(*) FROM events").await;
    let dry_run = would_remove(&aged, aged.now()).await;
    assert!(
        dry_run
            .partitions
            .iter()
            .all(|change| !change.table.starts_with("events_"))
    );
    aged.run(aged.now()).await;
    assert_eq!(count().await, 1);
    aged.run(in_days(&aged, 3)).await;
    assert_eq!(count().await, 1);
    // Retention checks the day again, though the day was not marked.
    aged.run(in_days(&aged, 7)).await;
    assert_eq!(count().await, 0);
}
