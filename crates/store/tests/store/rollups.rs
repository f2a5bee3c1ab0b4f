//! Tests that rollups count every stored span once, in its window, for any order of arrival and
//! during compaction.

mod bounds;
mod faults;

use sqlx::AssertSqlSafe;
use throughline_model::{Rollup, RollupFilter, RollupGroup, RollupWindow, TimeRange};
use throughline_store::{Store, WriteBatch};
use throughline_testkit::{Ids, Sent, rollups_of};
use throughline_wire::{TenantId, UnixNanos};

use crate::support::{Fixture, batch, lone};

fn filter(window: RollupWindow, group: RollupGroup) -> RollupFilter {
    RollupFilter {
        range: TimeRange::Last(3 * UnixNanos::PER_DAY),
        window,
        group,
        ..RollupFilter::default()
    }
}

/// Returns spans of two services over two days with many durations. Some failed.
fn spans(fixture: &Fixture, seed: u64, count: u64) -> Vec<Sent> {
    let mut ids = Ids::seeded(seed);
    (0..count)
        .map(|at| {
            let minutes = ids.below(48 * 60) as i64;
            let name = ["GET /", "POST /orders", "SELECT"][ids.below(3) as usize];
            let mut span = lone(name, &mut ids)
                .starts(fixture.at_ms(-minutes * 60_000))
                .lasts(ids.below(5_000_000_000) as i64);
            if ids.below(10) == 0 {
                span = span.error("broken");
            }
            Sent::by(if at % 2 == 0 { "shop" } else { "worker" }, span.build())
        })
        .collect()
}

async fn assert_equals(fixture: &Fixture, sent: &[Sent]) {
    assert_tenant_has(fixture, TenantId::DEFAULT, sent).await;
}

async fn assert_tenant_has(fixture: &Fixture, tenant: TenantId, sent: &[Sent]) {
    let groups = [
        RollupGroup::Each,
        RollupGroup::Window,
        RollupGroup::Operation,
    ];
    for window in RollupWindow::ALL {
        for group in groups {
            let filter = filter(window, group);
            let actual = fixture.store.reader(tenant).rollups(&filter).await;
            let actual = actual.expect("reads");
            let truth = rollups_of(sent, &filter, fixture.now);
            assert_eq!(
                actual.items.len(),
                truth.items.len(),
                "{window:?} {group:?}"
            );
            assert_eq!((actual.from, actual.to), (truth.from, truth.to));
            assert!(!actual.is_truncated);
            for (actual, truth) in actual.items.iter().zip(&truth.items) {
                assert_is(actual, truth);
            }
        }
    }
}

pub(crate) fn assert_is(actual: &Rollup, truth: &Rollup) {
    let percentiles = |rollup: &Rollup| [rollup.p50_ns, rollup.p95_ns, rollup.p99_ns];
    for (actual, truth) in percentiles(actual).into_iter().zip(percentiles(truth)) {
        let allowed = truth as f64 * 0.01 + 0.5;
        assert!((actual - truth).abs() as f64 <= allowed, "{actual} {truth}");
    }
    let exact = Rollup {
        p50_ns: truth.p50_ns,
        p95_ns: truth.p95_ns,
        p99_ns: truth.p99_ns,
        ..actual.clone()
    };
    assert_eq!(exact, *truth);
}

/// Moves all spans out of level 0 and returns their number.
async fn compact(fixture: &Fixture) -> u64 {
    let report = fixture.store.compact_once().await.expect("compacts");
    let left = "SELECT count(*) FROM level0_blocks";
    assert_eq!(fixture.count(left).await, 0);
    report.moved_spans
}

async fn execute(fixture: &Fixture, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(&mut fixture.database.connection().await)
        .await
        .expect("executes");
}

/// Returns the number of spans that the rollups of a long range count.
async fn total(store: &Store) -> u64 {
    let filter = RollupFilter {
        range: TimeRange::Last(60 * UnixNanos::PER_DAY),
        ..filter(RollupWindow::Day, RollupGroup::Window)
    };
    let actual = store.reader(TenantId::DEFAULT).rollups(&filter).await;
    let actual = actual.expect("reads");
    actual.items.iter().map(|item| item.span_count).sum()
}

#[tokio::test]
async fn rollups_are_the_same_before_and_after_compaction_and_with_late_spans() {
    let fixture = Fixture::new().await;
    let mut sent = spans(&fixture, 1, 300);
    fixture.write(&sent).await;
    assert_equals(&fixture, &sent).await;
    assert_eq!(fixture.count("SELECT count(*) FROM rollups").await, 0);
    assert_eq!(compact(&fixture).await, 300);
    assert_equals(&fixture, &sent).await;
    // Late spans of stored windows, and of windows that are not stored yet.
    let late = spans(&fixture, 2, 100);
    fixture.write(&late).await;
    sent.extend(late);
    assert_equals(&fixture, &sent).await;
    assert_eq!(compact(&fixture).await, 100);
    assert_equals(&fixture, &sent).await;
    assert_eq!(compact(&fixture).await, 0);
    assert_equals(&fixture, &sent).await;
}

#[tokio::test]
async fn larger_windows_are_stored_once_they_are_complete_and_include_late_spans() {
    let fixture = Fixture::new().await;
    let mut sent = spans(&fixture, 11, 200);
    let mut ids = Ids::seeded(12);
    let mut now = || Sent::by("shop", lone("GET /", &mut ids).starts(fixture.now).build());
    sent.push(now());
    fixture.write(&sent).await;
    compact(&fixture).await;
    let closed_ns = fixture.now.get() - UnixNanos::PER_HOUR;
    for (window, seconds) in [(RollupWindow::Hour, 3_600), (RollupWindow::Day, 86_400)] {
        // An hour may have ended since the test began.
        let closed_at = |at: i64| at - at.rem_euclid(window.length_ns());
        let ends = [
            closed_at(closed_ns),
            closed_at(closed_ns + UnixNanos::PER_MINUTE),
        ];
        let stored: i64 = sqlx::query_scalar(
            "SELECT coalesce(sum(span_count), 0)::bigint FROM rollups WHERE window_seconds = $1",
        )
        .bind(seconds)
        .fetch_one(&mut fixture.database.connection().await)
        .await
        .expect("counts");
        let closed = ends.map(|end| {
            let is_closed = |sent: &&Sent| sent.span.start.get() < end;
            sent.iter().filter(is_closed).count() as i64
        });
        assert!(closed.contains(&stored), "{closed:?} {stored}");
        assert!(stored > 0);
    }
    assert_equals(&fixture, &sent).await;
    for seed in 13..16 {
        let mut late = spans(&fixture, seed, 40);
        late.push(now());
        fixture.write(&late).await;
        sent.extend(late);
        compact(&fixture).await;
        assert_equals(&fixture, &sent).await;
    }
}

/// Returns two spans of each of `count` operations, in complete hours and days.
fn operations(fixture: &Fixture, count: usize) -> Vec<Sent> {
    let mut ids = Ids::seeded(17);
    let mut sent = Vec::new();
    for number in 0..count {
        for hours in [26, 27] {
            let mut span = lone("", &mut ids)
                .starts(fixture.at_ms(-hours * 3_600_000))
                .build();
            span.name = format!("operation {number}").into();
            sent.push(Sent::by("shop", span));
        }
    }
    sent
}

#[tokio::test]
async fn a_window_with_more_operations_than_one_build_step_is_complete() {
    let fixture = Fixture::new().await;
    let sent = operations(&fixture, 1_100);
    fixture.write(&sent).await;
    compact(&fixture).await;
    assert_equals(&fixture, &sent).await;
    let hours = "SELECT count(*) FROM rollups WHERE window_seconds = 3600";
    assert_eq!(fixture.count(hours).await, 2_200);
}

#[tokio::test]
async fn a_smaller_window_is_read_once_for_any_number_of_operations() {
    let fixture = Fixture::new().await;
    fixture.write(&operations(&fixture, 700)).await;
    // The function has a low cost, so the database calls it before it compares operations.
    execute(
        &fixture,
        "CREATE SEQUENCE reads;
         CREATE FUNCTION note_read(seconds integer) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS $$
         BEGIN
             IF seconds = 900 THEN
                 PERFORM nextval('reads');
             END IF;
             RETURN true;
         END $$;
         ALTER TABLE rollups RENAME TO all_rollups;
         CREATE VIEW rollups AS SELECT * FROM all_rollups WHERE note_read(window_seconds);",
    )
    .await;
    compact(&fixture).await;
    let stored = "SELECT count(*) FROM all_rollups WHERE window_seconds = 900";
    assert_eq!(fixture.count(stored).await, 1_400);
    // A few more rows are read to find the stored hours.
    let reads = fixture.count("SELECT last_value FROM reads").await;
    assert!((1_400..1_410).contains(&reads), "{reads}");
}

#[tokio::test]
async fn a_retried_span_counts_once_in_rollups() {
    let fixture = Fixture::new().await;
    let sent = spans(&fixture, 3, 60);
    fixture.write(&sent[..40]).await;
    compact(&fixture).await;
    // Twenty spans are new, and some are in the batch twice.
    let again = [&sent[20..], &sent[50..]].concat();
    let outcome = fixture.write(&again).await;
    assert_eq!((outcome.received, outcome.duplicate), (20, 30));
    assert_equals(&fixture, &sent).await;
    compact(&fixture).await;
    assert_equals(&fixture, &sent).await;
}

#[tokio::test]
async fn service_and_operation_select_by_their_exact_names() {
    let fixture = Fixture::new().await;
    let sent = spans(&fixture, 4, 50);
    fixture.write(&sent[..25]).await;
    compact(&fixture).await;
    fixture.write(&sent[25..]).await;
    for (service, operation, count) in [
        (Some("shop"), Some("GET /"), 1),
        (Some("shop"), None, 3),
        (None, Some("GET /"), 2),
        (Some("GET /"), None, 0),
    ] {
        let filter = RollupFilter {
            service: service.map(str::to_owned),
            operation: operation.map(str::to_owned),
            ..filter(RollupWindow::Day, RollupGroup::Operation)
        };
        let actual = fixture.reader().rollups(&filter).await.expect("reads");
        let truth = rollups_of(&sent, &filter, fixture.now);
        assert_eq!(actual.items.len(), count);
        assert_eq!(truth.items.len(), count);
        for (actual, truth) in actual.items.iter().zip(&truth.items) {
            assert_is(actual, truth);
        }
    }
}

#[tokio::test]
async fn rollups_are_separate_for_each_tenant() {
    let fixture = Fixture::new().await;
    let other = TenantId::from_bytes([7; 16]);
    let (mine, theirs) = (spans(&fixture, 21, 80), spans(&fixture, 22, 90));
    for part in 0..2 {
        fixture.write(&mine[part * 40..][..40]).await;
        let batch = WriteBatch {
            tenant: other,
            ..batch(&theirs[part * 45..][..45])
        };
        let written = fixture.store.writer().submit(batch).await;
        assert_eq!(written.expect("is stored").received, 45);
        if part == 0 {
            compact(&fixture).await;
        }
    }
    for _ in 0..2 {
        assert_tenant_has(&fixture, TenantId::DEFAULT, &mine).await;
        assert_tenant_has(&fixture, other, &theirs).await;
        compact(&fixture).await;
    }
}
