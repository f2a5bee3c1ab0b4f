//! Tests of rollups of old spans and removed traces, and of truncated reports.

use std::sync::Arc;

use throughline_model::{CleanUp, RetentionRules, RollupGroup, RollupWindow, StorageGauge};
use throughline_store::StoreOptions;
use throughline_testkit::{Ids, Sent};
use throughline_wire::{TenantId, UnixNanos};

use super::{assert_equals, compact, execute, filter, spans, total};
use crate::support::{Fixture, lone};

#[tokio::test]
async fn spans_older_than_the_rollup_rule_are_not_counted() {
    let fixture = Fixture::new().await;
    let now = fixture.now;
    let mut ids = Ids::seeded(24);
    let mut at = |days: i64| {
        let start = now.saturating_add(-days * UnixNanos::PER_DAY);
        Sent::by(
            "shop",
            lone("GET /", &mut ids)
                .starts(start)
                .error("broken")
                .build(),
        )
    };
    // One of them is of a failed trace, which is kept longer.
    fixture.write(&[at(1), at(6), at(8), at(40)]).await;
    let longer = fixture.database.store_with(StoreOptions {
        rules: RetentionRules::all(10 * UnixNanos::PER_DAY),
        ..StoreOptions::new(move || now)
    });
    assert_eq!(total(&fixture.store).await, 2);
    assert_eq!(total(&longer).await, 3);
    assert_eq!(compact(&fixture).await, 4);
    assert_eq!(total(&fixture.store).await, 2);
    assert_eq!(total(&longer).await, 2);
    fixture.write(&[at(2), at(7), at(9), at(11)]).await;
    longer.compact_once().await.expect("compacts");
    assert_eq!(total(&fixture.store).await, 5);
    longer.close().await;
}

#[tokio::test]
async fn rollups_keep_a_removed_trace_unless_its_spans_were_in_level_0() {
    let fixture = Fixture::new().await;
    let gauge = Arc::new(StorageGauge::default);
    let retention_admin =
        fixture
            .store
            .retention_admin(TenantId::DEFAULT, RetentionRules::default(), gauge);
    let request = CleanUp {
        older_than_ns: Some(0),
        is_dry_run: false,
    };
    let sent = spans(&fixture, 25, 30);
    fixture.write(&sent[..20]).await;
    compact(&fixture).await;
    fixture.write(&sent[20..]).await;
    execute(
        &fixture,
        "UPDATE traces SET received_ns = 0, end_ns = start_ns",
    )
    .await;
    retention_admin.clean_up(request).await.expect("cleans up");
    assert_eq!(fixture.count("SELECT count(*) FROM traces").await, 0);
    assert_equals(&fixture, &sent[..20]).await;
}

/// The clocks of server and database may differ by up to an hour.
#[tokio::test]
async fn spans_of_a_trace_that_expired_by_a_fast_clock_are_not_counted_again() {
    let fixture = Fixture::new().await;
    let rules = RetentionRules::default();
    // The trace expires in half an hour.
    let age_ns = rules.ok_ns - UnixNanos::PER_HOUR / 2;
    let start = fixture.now.saturating_add(-age_ns);
    let span = lone("GET /", &mut Ids::seeded(27)).starts(start).build();
    let sent = [Sent::by("shop", span)];
    fixture.write(&sent).await;
    compact(&fixture).await;
    execute(&fixture, "UPDATE traces SET received_ns = end_ns").await;
    assert_eq!(total(&fixture.store).await, 1);
    let last_run = "UPDATE retention_state \
        SET checked_ns = (extract(epoch FROM now()) * 1000000)::bigint * 1000";
    execute(&fixture, last_run).await;
    let ahead = fixture.now.saturating_add(59 * UnixNanos::PER_MINUTE);
    let fast = fixture.database.store_with(StoreOptions {
        clock_steadiness: std::time::Duration::ZERO,
        ..StoreOptions::new(move || ahead)
    });
    let gauge = Arc::new(StorageGauge::default);
    let retention_admin = fast.retention_admin(TenantId::DEFAULT, rules, gauge);
    let by_rule = CleanUp::default();
    retention_admin.clean_up(by_rule).await.expect("cleans up");
    fixture.write(&sent).await;
    compact(&fixture).await;
    assert_eq!(total(&fixture.store).await, 1);
    fast.close().await;
}

#[tokio::test]
async fn a_truncated_rollup_report_has_complete_newest_rows_and_says_it_is_truncated() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(26);
    let mut at = |hours: i64| {
        let start = fixture.at_ms(-hours * 3_600_000);
        Sent::by("shop", lone("GET /", &mut ids).starts(start).build())
    };
    fixture.write(&[at(1), at(30), at(50)]).await;
    compact(&fixture).await;
    fixture.write(&[at(1), at(30), at(50)]).await;
    // The first window and this one fill a report.
    execute(
        &fixture,
        "INSERT INTO rollups
         SELECT tenant_id, n, start_ns, 1, 0, 5, window_seconds, bucket, sketch
         FROM rollups CROSS JOIN generate_series(1, 49998) AS n
         WHERE window_seconds = 3600 AND start_ns = (
             SELECT max(start_ns) FROM rollups
             WHERE window_seconds = 3600
                 AND start_ns < extract(epoch FROM now() - interval '20 hours') * 1000000000
         )",
    )
    .await;
    let report = async |window| {
        let filter = filter(window, RollupGroup::Each);
        let actual = fixture.reader().rollups(&filter).await.expect("reads");
        let names = actual
            .items
            .iter()
            .filter(|item| item.service.as_deref() == Some("shop"));
        let counts: Vec<_> = names.map(|item| item.span_count).collect();
        (actual.is_truncated, counts)
    };
    assert_eq!(
        report(RollupWindow::QuarterHour).await,
        (false, vec![2, 2, 2])
    );
    // The row of the previous window is beyond the limit.
    assert_eq!(report(RollupWindow::Hour).await.1, [2, 2]);
    assert!(report(RollupWindow::Hour).await.0);
}
