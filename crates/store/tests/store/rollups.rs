//! Rollups count every stored span once, in its own window, whatever the order of arrival and
//! whatever is compacted meanwhile.

use std::sync::Arc;
use std::time::Duration;

use sqlx::AssertSqlSafe;
use throughline_model::{
    CleanUp, RetentionRules, Rollup, RollupFilter, RollupGroup, RollupWindow, StorageGauge,
    TimeRange,
};
use throughline_store::{Duty, Store, StoreOptions, WriteBatch};
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

/// Spans of two services over two days, some failed, of many durations.
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
            let told = fixture.store.reader(tenant).rollups(&filter).await;
            let told = told.expect("reads");
            let truth = rollups_of(sent, &filter, fixture.now);
            assert_eq!(told.items.len(), truth.items.len(), "{window:?} {group:?}");
            assert_eq!((told.from, told.to), (truth.from, truth.to));
            assert!(!told.is_truncated);
            for (told, truth) in told.items.iter().zip(&truth.items) {
                assert_is(told, truth);
            }
        }
    }
}

fn assert_is(told: &Rollup, truth: &Rollup) {
    let percentiles = |rollup: &Rollup| [rollup.p50_ns, rollup.p95_ns, rollup.p99_ns];
    for (told, truth) in percentiles(told).into_iter().zip(percentiles(truth)) {
        let allowed = truth as f64 * 0.01 + 0.5;
        assert!((told - truth).abs() as f64 <= allowed, "{told} {truth}");
    }
    let exact = Rollup {
        p50_ns: truth.p50_ns,
        p95_ns: truth.p95_ns,
        p99_ns: truth.p99_ns,
        ..told.clone()
    };
    assert_eq!(exact, *truth);
}

/// Moves all spans out of level 0; returns how many.
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

/// Spans that the figures of a long time count.
async fn total(store: &Store) -> u64 {
    let filter = RollupFilter {
        range: TimeRange::Last(60 * UnixNanos::PER_DAY),
        ..filter(RollupWindow::Day, RollupGroup::Window)
    };
    let told = store.reader(TenantId::DEFAULT).rollups(&filter).await;
    let told = told.expect("reads");
    told.items.iter().map(|item| item.span_count).sum()
}

#[tokio::test]
async fn figures_are_the_same_before_and_after_compaction_and_with_late_spans() {
    let fixture = Fixture::new().await;
    let mut sent = spans(&fixture, 1, 300);
    fixture.write(&sent).await;
    assert_equals(&fixture, &sent).await;
    assert_eq!(fixture.count("SELECT count(*) FROM rollups").await, 0);
    assert_eq!(compact(&fixture).await, 300);
    assert_equals(&fixture, &sent).await;
    // Late ones of windows that are stored already, and of some that are not.
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
async fn larger_windows_are_stored_once_they_are_closed_and_take_late_spans() {
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

/// Two spans of each of more operations than are put together at a time, in hours and days that are
/// closed.
fn many_operations(fixture: &Fixture) -> Vec<Sent> {
    let mut ids = Ids::seeded(17);
    let mut sent = Vec::new();
    for number in 0..1_100 {
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
async fn windows_of_more_operations_than_are_built_at_a_time_are_whole() {
    let fixture = Fixture::new().await;
    let sent = many_operations(&fixture);
    fixture.write(&sent).await;
    compact(&fixture).await;
    assert_equals(&fixture, &sent).await;
    let hours = "SELECT count(*) FROM rollups WHERE window_seconds = 3600";
    assert_eq!(fixture.count(hours).await, 2_200);
}

#[tokio::test]
async fn a_span_sent_again_counts_once() {
    let fixture = Fixture::new().await;
    let sent = spans(&fixture, 3, 60);
    fixture.write(&sent[..40]).await;
    compact(&fixture).await;
    // Twenty of them are new, and some stand in the batch twice.
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
        let told = fixture.reader().rollups(&filter).await.expect("reads");
        let truth = rollups_of(&sent, &filter, fixture.now);
        assert_eq!(told.items.len(), count);
        assert_eq!(truth.items.len(), count);
        for (told, truth) in told.items.iter().zip(&truth.items) {
            assert_is(told, truth);
        }
    }
}

#[tokio::test]
async fn tenants_have_figures_of_their_own() {
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

#[tokio::test]
async fn a_reader_counts_every_span_once_while_two_servers_compact() {
    let fixture = Fixture::new().await;
    let sent = spans(&fixture, 23, 600);
    for part in sent.chunks(30) {
        fixture.write(part).await;
    }
    let others = [(); 2].map(|()| fixture.database.store(fixture.now));
    let mut moved = 0;
    // Steps are as large as a group: one block at a time makes twenty of them.
    while moved < 600 {
        let runs = async { tokio::join!(others[0].compact_once(), others[1].compact_once()) };
        tokio::pin!(runs);
        let (first, second) = loop {
            tokio::select! {
                done = &mut runs => break done,
                seen = total(&fixture.store) => assert_eq!(seen, 600),
            }
        };
        moved += first.expect("compacts").moved_spans + second.expect("compacts").moved_spans;
    }
    assert_eq!(moved, 600);
    assert_equals(&fixture, &sent).await;
    for other in others {
        other.close().await;
    }
}

/// Waits until a connection waits for the advisory lock of a test.
async fn wait_for_waiter(fixture: &Fixture) {
    let waiting = "SELECT count(*) FROM pg_locks JOIN pg_database ON oid = database
                   WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()";
    while fixture.count(waiting).await == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_compaction_between_the_two_reads_of_a_report_changes_nothing() {
    let fixture = Fixture::new().await;
    let (now, sent) = (fixture.now, spans(&fixture, 28, 40));
    fixture.write(&sent).await;
    // A reader, and nobody else, waits for a lock when it has a snapshot of level 0.
    execute(
        &fixture,
        "CREATE FUNCTION wait() RETURNS boolean LANGUAGE plpgsql AS $$
         BEGIN
             IF current_setting('application_name') = 'throughline' THEN
                 PERFORM pg_advisory_xact_lock_shared(42);
             END IF;
             RETURN true;
         END $$;
         ALTER TABLE level0_blocks RENAME TO blocks;
         CREATE VIEW level0_blocks AS SELECT * FROM blocks WHERE wait();",
    )
    .await;
    let patient = fixture.database.store_with(StoreOptions {
        read_timeout: Duration::from_mins(5),
        ..StoreOptions::new(move || now)
    });
    let mut connection = fixture.database.connection().await;
    sqlx::query("SELECT pg_advisory_lock(42)")
        .execute(&mut connection)
        .await
        .expect("locks");
    let compacts = async {
        wait_for_waiter(&fixture).await;
        assert_eq!(compact(&fixture).await, 40);
        sqlx::query("SELECT pg_advisory_unlock(42)")
            .execute(&mut connection)
            .await
            .expect("unlocks");
    };
    let (seen, ()) = tokio::join!(total(&patient), compacts);
    assert_eq!(seen, 40);
    assert_equals(&fixture, &sent).await;
    patient.close().await;
}

#[tokio::test]
async fn a_compaction_that_breaks_off_changes_no_figures() {
    let fixture = Fixture::new().await;
    let sent = spans(&fixture, 5, 50);
    fixture.write(&sent).await;
    let kill = "PERFORM pg_terminate_backend(pg_backend_pid())";
    for (breaks, trigger) in [
        (
            "RAISE EXCEPTION 'no'",
            "TRIGGER break AFTER INSERT ON rollups",
        ),
        (kill, "TRIGGER break AFTER INSERT ON rollups"),
        (kill, "TRIGGER break AFTER DELETE ON level0_blocks"),
        // At the commit.
        (
            kill,
            "CONSTRAINT TRIGGER break AFTER DELETE ON level0_blocks
             INITIALLY DEFERRED FOR EACH ROW",
        ),
    ] {
        execute(
            &fixture,
            &format!(
                "CREATE FUNCTION break() RETURNS trigger LANGUAGE plpgsql AS $$
                 BEGIN {breaks}; RETURN NULL; END $$;
                 CREATE {trigger} EXECUTE FUNCTION break();"
            ),
        )
        .await;
        fixture.store.compact_once().await.expect_err("breaks off");
        assert_equals(&fixture, &sent).await;
        execute(&fixture, "DROP FUNCTION break CASCADE").await;
    }
    compact(&fixture).await;
    assert_equals(&fixture, &sent).await;
}

#[tokio::test]
async fn a_larger_window_is_built_whole_or_not_at_all() {
    let fixture = Fixture::new().await;
    let sent = many_operations(&fixture);
    fixture.write(&sent).await;
    for (window, count) in [(3_600, 600), (3_600, 1_700), (86_400, 600)] {
        execute(
            &fixture,
            &format!(
                "CREATE FUNCTION break() RETURNS trigger LANGUAGE plpgsql AS $$
                 BEGIN
                     IF (SELECT count(*) FROM rollups WHERE window_seconds = {window}) > {count} THEN
                         PERFORM pg_terminate_backend(pg_backend_pid());
                     END IF;
                     RETURN NULL;
                 END $$;
                 CREATE TRIGGER break AFTER INSERT ON rollups EXECUTE FUNCTION break();"
            ),
        )
        .await;
        fixture.store.compact_once().await.expect_err("is killed");
        assert_equals(&fixture, &sent).await;
        execute(&fixture, "DROP FUNCTION break CASCADE").await;
    }
    compact(&fixture).await;
    assert_equals(&fixture, &sent).await;
}

#[tokio::test]
async fn spans_that_began_before_the_rules_keep_them_are_not_counted() {
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
    // Also one of a trace that failed, which is kept for longer.
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
async fn figures_stay_when_a_trace_is_removed_unless_its_spans_were_in_level_0() {
    let fixture = Fixture::new().await;
    let gauge = Arc::new(StorageGauge::default);
    let keeper = fixture
        .store
        .keeper(TenantId::DEFAULT, RetentionRules::default(), gauge);
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
    keeper.clean_up(request).await.expect("cleans up");
    assert_eq!(fixture.count("SELECT count(*) FROM traces").await, 0);
    assert_equals(&fixture, &sent[..20]).await;
}

#[tokio::test]
async fn a_report_has_the_newest_rows_whole_and_says_that_others_are_left_out() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(26);
    let mut at = |hours: i64| {
        let start = fixture.at_ms(-hours * 3_600_000);
        Sent::by("shop", lone("GET /", &mut ids).starts(start).build())
    };
    fixture.write(&[at(1), at(30), at(50)]).await;
    compact(&fixture).await;
    fixture.write(&[at(1), at(30), at(50)]).await;
    // With the first window and this one, a report is full.
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
        let told = fixture.reader().rollups(&filter).await.expect("reads");
        let names = told
            .items
            .iter()
            .filter(|item| item.service.as_deref() == Some("shop"));
        let counts: Vec<_> = names.map(|item| item.span_count).collect();
        (told.is_truncated, counts)
    };
    assert_eq!(
        report(RollupWindow::QuarterHour).await,
        (false, vec![2, 2, 2])
    );
    // The row of the window before is one too many.
    assert_eq!(report(RollupWindow::Hour).await.1, [2, 2]);
    assert!(report(RollupWindow::Hour).await.0);
}

#[tokio::test]
async fn a_damaged_block_of_level_0_is_left_out() {
    let fixture = Fixture::new().await;
    let sent = spans(&fixture, 27, 40);
    for part in sent.chunks(20) {
        fixture.write(part).await;
    }
    execute(
        &fixture,
        "UPDATE level0_blocks SET operation_indexes = operation_indexes[1:5]
         WHERE id = (SELECT max(id) FROM level0_blocks)",
    )
    .await;
    assert_equals(&fixture, &sent[..20]).await;
}

#[tokio::test]
async fn a_duty_has_one_holder_and_passes_on_when_its_connection_dies() {
    let fixture = Fixture::new().await;
    let other = fixture.database.store(fixture.now);
    let mut lead = fixture
        .store
        .lead(Duty::Compact)
        .await
        .expect("asks")
        .expect("is free");
    assert!(other.lead(Duty::Compact).await.expect("asks").is_none());
    assert!(other.lead(Duty::Retain).await.expect("asks").is_some());
    sqlx::query(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
         WHERE datname = $1 AND application_name = 'throughline compact'",
    )
    .bind(fixture.database.name())
    .execute(&mut fixture.database.admin().await)
    .await
    .expect("terminates");
    let mut second = other
        .lead(Duty::Compact)
        .await
        .expect("asks")
        .expect("was given back");
    lead.check().await.expect_err("knows that it is over");
    second.check().await.expect("lives");
    second.resign().await;
    other.close().await;
}
