//! Tests that a run that fails at any step, or loses its connection, has the same result when
//! repeated.

use std::time::Duration;

use throughline_store::testing::no_limit;
use throughline_wire::TraceId;

use super::support::Aged;

/// Stores traces of three days: failed and pinned ones that are kept, and others that expire.
async fn mixed() -> (Aged, Vec<TraceId>) {
    let mut aged = Aged::new().await;
    let mut left = Vec::new();
    for days_ago in [8, 9, 12] {
        aged.trace(days_ago, false).await;
        if days_ago < 12 {
            left.push(aged.trace(days_ago, true).await);
            let pinned = aged.trace(days_ago, false).await;
            aged.pin(pinned).await;
            left.push(pinned);
        }
        let informed = aged.trace(days_ago, false).await;
        aged.event(days_ago, Some(informed), 9).await;
    }
    aged.compact().await;
    (aged, left)
}

/// Makes every statement of one kind fail at its end in this database.
pub(super) async fn fail_after(aged: &Aged, tag: &str) {
    aged.execute(&format!(
        "CREATE FUNCTION fail() RETURNS event_trigger LANGUAGE plpgsql AS $$
         BEGIN RAISE EXCEPTION 'injected after {tag}'; END $$;
         CREATE EVENT TRIGGER fail ON ddl_command_end WHEN TAG IN ('{tag}')
             EXECUTE FUNCTION fail();"
    ))
    .await;
}

#[tokio::test]
async fn a_retention_run_that_fails_at_any_step_is_repeated_without_loss() {
    for tag in ["CREATE TABLE", "ALTER TABLE", "DROP TABLE"] {
        let (aged, left) = mixed().await;
        fail_after(&aged, tag).await;
        let error = aged.try_run(aged.now()).await.expect_err(tag).to_string();
        assert!(error.contains("injected"), "{error}");
        // Kept traces are whole, and expired traces are not listed any more.
        assert_eq!(aged.listed().await, left.iter().copied().collect());
        for &trace_id in &left {
            assert_eq!(aged.fixture.trace(trace_id).await.spans.len(), 2, "{tag}");
        }
        aged.execute("DROP EVENT TRIGGER fail").await;
        aged.run(aged.now()).await;
        aged.assert_left(&left).await;
        let events = aged.fixture.count("SELECT count(*) FROM events").await;
        assert_eq!(events, 0);
        let copies = "SELECT count(*) FROM pg_class WHERE relname LIKE '%kept'";
        assert_eq!(aged.fixture.count(copies).await, 0);
    }
}

#[tokio::test]
async fn a_failed_removal_rolls_back_the_rows_and_their_days_together() {
    for table in ["traces", "retention_days"] {
        let (aged, left) = mixed().await;
        aged.execute(&format!(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN RAISE EXCEPTION 'injected'; END $$;
             CREATE TRIGGER fail AFTER DELETE OR INSERT OR UPDATE ON {table}
                 EXECUTE FUNCTION fail();"
        ))
        .await;
        let before = aged.listed().await;
        aged.try_run(aged.now()).await.expect_err(table);
        assert_eq!(aged.listed().await, before);
        aged.execute(&format!("DROP TRIGGER fail ON {table}")).await;
        aged.run(aged.now()).await;
        aged.assert_left(&left).await;
    }
}

#[tokio::test]
async fn a_retention_run_with_killed_connections_has_the_same_result() {
    let (aged, left) = mixed().await;
    let mut killer = aged.fixture.database.admin().await;
    let name = aged.fixture.database.name().to_owned();
    let kills = tokio::spawn(async move {
        for _ in 0..20 {
            sqlx::query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = $1 AND application_name = 'throughline retention'",
            )
            .bind(&name)
            .execute(&mut killer)
            .await
            .expect("kills");
            tokio::time::sleep(Duration::from_millis(7)).await;
        }
    });
    while !kills.is_finished() {
        // Most of these runs are killed at a random point.
        let _ = aged
            .fixture
            .store
            .retain_once(aged.now(), &no_limit())
            .await;
    }
    aged.run(aged.now()).await;
    aged.assert_left(&left).await;
}

#[tokio::test]
async fn a_day_in_use_is_postponed_and_does_not_block_ingest_or_reads() {
    let (mut aged, left) = mixed().await;
    let mut reader = aged.fixture.database.connection().await;
    sqlx::raw_sql("BEGIN; SELECT count(*) FROM spans;")
        .execute(&mut reader)
        .await
        .expect("reads");
    let report = aged.run(aged.now()).await;
    // A day that is not past is rewritten in place, beside readers.
    assert_eq!(report.postponed_days, 2);
    assert_eq!(aged.listed().await, left.iter().copied().collect());
    let late = aged.trace(9, true).await;
    sqlx::raw_sql("COMMIT")
        .execute(&mut reader)
        .await
        .expect("ends");
    let report = aged.run(aged.now()).await;
    assert_eq!(report.postponed_days, 0);
    aged.assert_left(&[left, vec![late]].concat()).await;
}

#[tokio::test]
async fn spans_that_arrive_during_a_retention_run_are_kept() {
    let (aged, mut left) = mixed().await;
    let writer = aged.fixture.store.writer();
    let (now, noon) = (aged.now(), aged.noon);
    let sending = tokio::spawn(async move {
        let mut ids = throughline_testkit::Ids::seeded(77);
        let mut sent = Vec::new();
        for days_ago in [8, 9, 12].repeat(8) {
            let start = noon.saturating_add(-days_ago * super::support::DAY);
            let root = crate::support::lone("late", &mut ids).starts(start);
            let root = root.error("broken").build();
            let child = crate::support::lone("child", &mut ids).starts(start);
            let child = child.child_of(&root).build();
            sent.push(root.trace_id);
            let spans = [root, child].map(|span| throughline_testkit::Sent::by("shop", span));
            let batch = crate::support::batch(&spans);
            let outcome = writer.submit(batch).await.expect("is stored");
            assert_eq!(outcome.received, 2);
        }
        sent
    });
    while !sending.is_finished() {
        let _ = aged
            .fixture
            .store
            .retain_once(now, &no_limit())
            .await
            .expect("runs");
    }
    left.extend(sending.await.expect("sends"));
    aged.run(now).await;
    aged.assert_left(&left).await;
}
