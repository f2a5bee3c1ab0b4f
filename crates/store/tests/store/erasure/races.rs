//! Tests of an erasure concurrent with commits, compaction and other removals.

use std::time::Duration;

use sqlx::PgConnection;
use throughline_model::TraceFilter;
use throughline_store::testing::count_spans;
use throughline_testkit::Ids;
use throughline_wire::{Span, TraceId};
use tokio::time::sleep;

use super::{assert_whole, compact, erase, execute, small, try_to_erase, write};
use crate::support::{Fixture, lone};

/// The advisory locks of retention, of compaction, and of the commits that [`hold_commits`] delays.
const RETENTION: &str = "hashtextextended('throughline.retention', 0)";
const COMPACTION: &str = "hashtextextended('throughline.compaction', 0)";
const COMMITS: &str = "42";

async fn lock(connection: &mut PgConnection, key: &str) {
    run(connection, format!("SELECT pg_advisory_lock({key})")).await;
}

async fn unlock(connection: &mut PgConnection, key: &str) {
    run(connection, format!("SELECT pg_advisory_unlock({key})")).await;
}

async fn run(connection: &mut PgConnection, sql: String) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
        .execute(connection)
        .await
        .expect("executes");
}

/// Waits until this number of connections wait for advisory locks.
async fn until_waiting(fixture: &Fixture, count: i64) {
    let waiting = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE NOT granted AND locktype = 'advisory' AND datname = current_database()";
    while fixture.count(waiting).await < count {
        sleep(Duration::from_millis(5)).await;
    }
}

/// Waits until a connection waits for a row lock.
async fn until_somebody_waits_for_a_row(fixture: &Fixture) {
    let waiting = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE NOT granted AND locktype = 'transactionid' AND datname = current_database()";
    while fixture.count(waiting).await == 0 {
        sleep(Duration::from_millis(5)).await;
    }
}

/// Makes each commit of spans wait for an advisory lock at its end. Returns the connection that
/// holds the lock.
async fn hold_commits(fixture: &Fixture) -> PgConnection {
    execute(
        fixture,
        format!(
            "CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
             BEGIN PERFORM pg_advisory_xact_lock_shared({COMMITS}); RETURN NULL; END $$;
             CREATE CONSTRAINT TRIGGER hold AFTER INSERT ON level0_blocks
                 DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION hold();"
        ),
    )
    .await;
    let mut holder = fixture.database.connection().await;
    lock(&mut holder, COMMITS).await;
    holder
}

#[tokio::test]
async fn a_commit_concurrent_with_the_erasure_of_its_trace_stays_whole() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(1);
    let [old, other] = [(); 2].map(|()| small(&fixture, &mut ids));
    write(&fixture, &[&old, &other]).await;
    // The state after an interrupted erasure. The commit below stores the trace again.
    execute(
        &fixture,
        format!("DELETE FROM traces WHERE trace_id = '{}'", old.trace_id),
    )
    .await;
    let mut commits = hold_commits(&fixture).await;
    let mut compaction = fixture.database.connection().await;
    lock(&mut compaction, COMPACTION).await;
    let mut retention = fixture.database.connection().await;
    let new = lone("new", &mut ids).child_of(&old).starts(fixture.now);
    let new = new.build();
    let new_spans = [&new];
    let traces = [old.trace_id];
    let erasing = async {
        until_waiting(&fixture, 1).await;
        erase(&fixture, &traces).await
    };
    let order = async {
        // The commit has inserted its blocks, and the erasure has begun.
        until_waiting(&fixture, 2).await;
        let between_steps = tokio::spawn(async move {
            lock(&mut retention, RETENTION).await;
            retention
        });
        until_waiting(&fixture, 3).await;
        // The erasure removes the rows of the traces. It does not see the new row yet.
        unlock(&mut compaction, COMPACTION).await;
        let mut retention = between_steps.await.expect("locks");
        unlock(&mut commits, COMMITS).await;
        while fixture.count("SELECT count(*) FROM traces").await < 2 {
            sleep(Duration::from_millis(5)).await;
        }
        // It rewrites the blocks of the traces, including the new one.
        unlock(&mut retention, RETENTION).await;
    };
    let (report, (), ()) = tokio::join!(erasing, write(&fixture, &new_spans), order);
    assert_eq!((report.traces, report.spans, report.blocks), (0, 1, 1));
    assert_whole(&fixture, &new).await;
    assert_whole(&fixture, &other).await;
    let counts = "SELECT sum(span_count)::bigint FROM traces";
    assert_eq!(fixture.count(counts).await, 2);
    let in_blocks = "SELECT sum(span_count)::bigint FROM level0_blocks";
    assert_eq!(fixture.count(in_blocks).await, 2);
}

#[tokio::test]
async fn a_retention_run_that_waits_for_an_erasure_runs_after_its_current_step() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(2);
    let gone = small(&fixture, &mut ids);
    write(&fixture, &[&gone]).await;
    // One block more than one step rewrites.
    for _ in 0..8 {
        let more = lone("more", &mut ids).child_of(&gone).starts(fixture.now);
        write(&fixture, &[&more.build()]).await;
    }
    let mut rows = fixture.database.connection().await;
    run(
        &mut rows,
        "BEGIN; SELECT FROM level0_blocks ORDER BY id LIMIT 1 FOR UPDATE".to_owned(),
    )
    .await;
    let mut retention = fixture.database.connection().await;
    let traces = [gone.trace_id];
    let order = async {
        until_somebody_waits_for_a_row(&fixture).await;
        let waiting = tokio::spawn(async move {
            lock(&mut retention, RETENTION).await;
            retention
        });
        until_waiting(&fixture, 1).await;
        run(&mut rows, "COMMIT".to_owned()).await;
        let mut retention = waiting.await.expect("locks");
        let left = "SELECT count(*) FROM level0_blocks";
        assert_eq!(fixture.count(left).await, 1);
        unlock(&mut retention, RETENTION).await;
    };
    let (report, ()) = tokio::join!(erase(&fixture, &traces), order);
    assert_eq!((report.blocks, report.spans), (9, 9));
}

#[tokio::test]
async fn spans_that_arrive_during_an_erasure_stay() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(3);
    let [gone, left] = [(); 2].map(|()| small(&fixture, &mut ids));
    write(&fixture, &[&gone, &left]).await;
    compact(&fixture).await;
    let mut blocker = fixture.database.connection().await;
    sqlx::raw_sql("BEGIN; SELECT FROM level1_blocks FOR UPDATE")
        .execute(&mut blocker)
        .await
        .expect("locks");
    let traces = [gone.trace_id];
    let erasure = erase(&fixture, &traces);
    tokio::pin!(erasure);
    tokio::select! {
        report = &mut erasure => panic!("the erasure did not wait: {report:?}"),
        () = until_somebody_waits_for_a_row(&fixture) => {}
    }
    // The row of the trace was removed, so this is a new trace.
    let again = lone("again", &mut ids).child_of(&gone).starts(fixture.now);
    let again = again.build();
    write(&fixture, &[&again]).await;
    sqlx::raw_sql("COMMIT")
        .execute(&mut blocker)
        .await
        .expect("unlocks");
    assert_eq!(erasure.await.spans, 1);
    assert_whole(&fixture, &again).await;
    assert_whole(&fixture, &left).await;
}

#[tokio::test]
async fn a_killed_erasure_beside_ingest_and_compaction_completes_when_repeated() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(4);
    let mut spans: Vec<Span> = (0..60).map(|_| small(&fixture, &mut ids)).collect();
    for part in spans.chunks(6) {
        write(&fixture, &part.iter().collect::<Vec<_>>()).await;
        if part[0].span_id.to_bytes()[7] % 2 == 0 {
            compact(&fixture).await;
        }
    }
    let more: Vec<Span> = (0..20).map(|_| small(&fixture, &mut ids)).collect();
    let traces: Vec<TraceId> = spans.iter().step_by(2).map(|span| span.trace_id).collect();
    let others = async {
        let mut killer = fixture.database.admin().await;
        for span in &more {
            write(&fixture, &[span]).await;
            let killed = sqlx::query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE datname = $1 AND application_name = 'throughline erasure'",
            )
            .bind(fixture.database.name());
            killed.execute(&mut killer).await.expect("kills");
            compact(&fixture).await;
        }
    };
    let erasing = async {
        for _ in 0..10 {
            // Some of these attempts are killed at a random point.
            let _ = try_to_erase(&fixture, &traces, false).await;
        }
    };
    tokio::join!(others, erasing);
    erase(&fixture, &traces).await;
    spans.retain(|span| !traces.contains(&span.trace_id));
    for span in spans.iter().chain(&more) {
        assert_whole(&fixture, span).await;
    }
    let url = fixture.database.url();
    assert_eq!(count_spans(url).await, 50);
    assert_eq!(fixture.list(&TraceFilter::default()).await.len(), 50);
    let in_blocks = "SELECT sum(span_count)::bigint FROM (
            SELECT span_count FROM level0_blocks UNION ALL SELECT span_count FROM level1_blocks
        ) AS b";
    assert_eq!(fixture.count(in_blocks).await, 50);
}
