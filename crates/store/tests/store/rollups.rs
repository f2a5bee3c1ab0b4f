//! Rollups count every stored span once, in its own window, whatever the order of arrival.

use throughline_model::{Rollup, RollupFilter, RollupGroup, RollupWindow, TimeRange};
use throughline_store::Duty;
use throughline_testkit::{Ids, Sent, rollups_of};
use throughline_wire::UnixNanos;

use crate::support::{Fixture, lone};

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
    let groups = [
        RollupGroup::Each,
        RollupGroup::Window,
        RollupGroup::Operation,
    ];
    for window in RollupWindow::ALL {
        for group in groups {
            let filter = filter(window, group);
            let told = fixture.reader().rollups(&filter).await.expect("reads");
            let truth = rollups_of(sent, &filter, fixture.now);
            assert_eq!(told.items.len(), truth.items.len(), "{window:?} {group:?}");
            assert_eq!((told.from, told.to), (truth.from, truth.to));
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

async fn fold(fixture: &Fixture) -> u64 {
    let lead = fixture.store.lead(Duty::FoldRollups).await.expect("asks");
    let mut lead = lead.expect("nobody else folds");
    let folded = lead.fold_rollups().await.expect("folds");
    lead.resign().await;
    folded
}

#[tokio::test]
async fn figures_are_the_same_before_and_after_folding_and_with_late_spans() {
    let fixture = Fixture::new().await;
    let mut sent = spans(&fixture, 1, 300);
    fixture.write(&sent).await;
    assert_equals(&fixture, &sent).await;
    assert!(fold(&fixture).await > 0);
    assert_equals(&fixture, &sent).await;
    // Late ones of windows that were folded already.
    let late = spans(&fixture, 2, 100);
    fixture.write(&late).await;
    sent.extend(late);
    assert_equals(&fixture, &sent).await;
    fold(&fixture).await;
    assert_equals(&fixture, &sent).await;
    assert_eq!(fold(&fixture).await, 0);
    assert_eq!(fixture.count("SELECT count(*) FROM rollup_deltas").await, 0);
}

#[tokio::test]
async fn a_span_sent_again_counts_once() {
    let fixture = Fixture::new().await;
    let sent = spans(&fixture, 3, 60);
    fixture.write(&sent[..40]).await;
    fold(&fixture).await;
    // Twenty of them are new, and some stand in the batch twice.
    let again = [&sent[20..], &sent[50..]].concat();
    let outcome = fixture.write(&again).await;
    assert_eq!((outcome.received, outcome.duplicate), (20, 30));
    assert_equals(&fixture, &sent).await;
    fold(&fixture).await;
    assert_equals(&fixture, &sent).await;
}

#[tokio::test]
async fn service_and_operation_select_by_their_exact_names() {
    let fixture = Fixture::new().await;
    let sent = spans(&fixture, 4, 50);
    fixture.write(&sent).await;
    let filter = RollupFilter {
        service: Some("shop".to_owned()),
        operation: Some("GET /".to_owned()),
        ..filter(RollupWindow::Day, RollupGroup::Operation)
    };
    let told = fixture.reader().rollups(&filter).await.expect("reads");
    let truth = rollups_of(&sent, &filter, fixture.now);
    assert_eq!(told.items.len(), 1);
    assert_is(&told.items[0], &truth.items[0]);
}

#[tokio::test]
async fn a_fold_that_breaks_off_changes_nothing() {
    let fixture = Fixture::new().await;
    let sent = spans(&fixture, 5, 50);
    fixture.write(&sent).await;
    let mut connection = fixture.database.connection().await;
    sqlx::raw_sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN RAISE EXCEPTION 'no'; END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON rollups EXECUTE FUNCTION refuse();",
    )
    .execute(&mut connection)
    .await
    .expect("executes");
    let lead = fixture.store.lead(Duty::FoldRollups).await.expect("asks");
    let mut lead = lead.expect("nobody else folds");
    lead.fold_rollups().await.expect_err("is refused");
    assert_equals(&fixture, &sent).await;
    sqlx::raw_sql("DROP TRIGGER refuse ON rollups")
        .execute(&mut connection)
        .await
        .expect("executes");
    lead.fold_rollups().await.expect("folds");
    assert_equals(&fixture, &sent).await;
}

#[tokio::test]
async fn a_duty_has_one_holder_and_passes_on_when_its_connection_dies() {
    let fixture = Fixture::new().await;
    let other = fixture.database.store(fixture.now);
    let mut lead = fixture
        .store
        .lead(Duty::FoldRollups)
        .await
        .expect("asks")
        .expect("is free");
    assert!(other.lead(Duty::FoldRollups).await.expect("asks").is_none());
    assert!(other.lead(Duty::Retain).await.expect("asks").is_some());
    sqlx::query(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
         WHERE datname = $1 AND application_name = 'throughline fold_rollups'",
    )
    .bind(fixture.database.name())
    .execute(&mut fixture.database.admin().await)
    .await
    .expect("terminates");
    let mut second = other
        .lead(Duty::FoldRollups)
        .await
        .expect("asks")
        .expect("was given back");
    lead.check().await.expect_err("knows that it is over");
    second.check().await.expect("lives");
    second.resign().await;
    other.close().await;
}

#[tokio::test]
async fn more_deltas_than_one_transaction_takes_are_folded_all_the_same() {
    let fixture = Fixture::new().await;
    let sent = spans(&fixture, 5, 10);
    fixture.write(&sent).await;
    // Each row by itself is nearly a whole batch.
    sqlx::query(
        "INSERT INTO rollup_deltas
         SELECT d.tenant_id, 15000, n.ids, array_fill(d.starts_ns[1], ARRAY[15000]),
             array_fill(1::bigint, ARRAY[15000]), array_fill(0::bigint, ARRAY[15000]),
             array_fill(5::bigint, ARRAY[15000]), array_fill(d.sketches[1], ARRAY[15000])
         FROM rollup_deltas AS d
         CROSS JOIN generate_series(1, 3)
         CROSS JOIN (SELECT array_agg(n::bigint) AS ids FROM generate_series(1, 15000) AS n) AS n",
    )
    .execute(&mut fixture.database.connection().await)
    .await
    .expect("inserts");
    assert!(fold(&fixture).await >= 45_000);
    assert_eq!(fixture.count("SELECT count(*) FROM rollup_deltas").await, 0);
    let folded = "SELECT sum(span_count)::bigint FROM rollups WHERE window_seconds = 900";
    assert_eq!(fixture.count(folded).await, 45_010);
}
