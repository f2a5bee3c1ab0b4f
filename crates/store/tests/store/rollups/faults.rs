//! Tests of rollups during concurrent and interrupted compactions.

use std::time::Duration;

use throughline_store::{JobKind, StoreOptions};
use tokio::time::sleep;

use super::{assert_equals, compact, execute, operations, spans, total};
use crate::counted::CountedMetric;
use crate::support::Fixture;

#[tokio::test]
async fn a_reader_counts_every_span_once_while_two_servers_compact() {
    let fixture = Fixture::new().await;
    let sent = spans(&fixture, 23, 600);
    for part in sent.chunks(30) {
        fixture.write(part).await;
    }
    let others = [(); 2].map(|()| fixture.database.store(fixture.now));
    let mut moved = 0;
    // One block at a time makes twenty steps.
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
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_compaction_between_the_two_reads_of_a_report_does_not_change_it() {
    let fixture = Fixture::new().await;
    let (now, sent) = (fixture.now, spans(&fixture, 28, 40));
    fixture.write(&sent).await;
    // Makes only readers wait for a lock, once they have a snapshot of level 0.
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
async fn an_interrupted_compaction_does_not_change_rollups() {
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
        // The compaction fails at its commit.
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
    let sent = operations(&fixture, 1_100);
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
async fn a_damaged_level_0_block_is_reported_and_left_out_of_rollups() {
    let reports = CountedMetric::corrupt_blocks();
    let _recorder = metrics::set_default_local_recorder(&reports);
    let fixture = Fixture::new().await;
    let sent = spans(&fixture, 27, 40);
    for part in sent.chunks(20) {
        fixture.write(part).await;
    }
    assert_equals(&fixture, &sent).await;
    assert_eq!(reports.count(), 0);
    for change in [
        "operation_indexes = operation_indexes[1:5]",
        "operation_indexes[1] = (operation_indexes[1] + 1) % cardinality(operations)",
        "operations[1] = operations[2]",
        "statuses[1] = statuses[1] # 2",
        "trace_ids[1] = md5('x')::uuid",
        "trace_ends[1] = trace_ends[1] + 1",
        "trace_starts_ns[1] = trace_starts_ns[1] # 1",
        "start_offsets[1] = start_offsets[1] # 1",
        "durations = array_fill(1, ARRAY[20])",
        "long_durations[1] = long_durations[1] # 1",
        "span_count = span_count # 1",
        "max_duration_ns = 0",
        "checksums[11] = checksums[11] # 1",
    ] {
        execute(
            &fixture,
            &format!(
                "CREATE TABLE kept AS SELECT * FROM level0_blocks;
                 UPDATE level0_blocks SET {change} WHERE id = (SELECT max(id) FROM level0_blocks)"
            ),
        )
        .await;
        let reported = reports.count();
        assert_equals(&fixture, &sent[..20]).await;
        assert!(reports.count() > reported, "{change}");
        execute(
            &fixture,
            "DELETE FROM level0_blocks; INSERT INTO level0_blocks SELECT * FROM kept;
             DROP TABLE kept",
        )
        .await;
    }
    assert_equals(&fixture, &sent).await;
}

#[tokio::test]
async fn a_waiting_server_leads_once_the_leader_releases_the_lock() {
    let fixture = Fixture::new().await;
    let leader = fixture.store.lead(JobKind::Compact).await.expect("leads");
    let other = fixture.database.store(fixture.now);
    let waiting = tokio::spawn(async move { other.lead(JobKind::Compact).await });
    let queued = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE NOT granted AND locktype = 'advisory' AND datname = current_database()";
    while fixture.count(queued).await == 0 {
        sleep(Duration::from_millis(5)).await;
    }
    leader.release().await;
    let mut second = waiting.await.expect("ends").expect("leads");
    second.check().await.expect("lives");
}

#[tokio::test]
async fn a_job_has_one_leader_and_passes_on_when_its_connection_dies() {
    let fixture = Fixture::new().await;
    let other = fixture.database.store(fixture.now);
    let mut lead = fixture
        .store
        .try_lead(JobKind::Compact)
        .await
        .expect("asks")
        .expect("is free");
    assert!(
        other
            .try_lead(JobKind::Compact)
            .await
            .expect("asks")
            .is_none()
    );
    assert!(
        other
            .try_lead(JobKind::Retain)
            .await
            .expect("asks")
            .is_some()
    );
    sqlx::query(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
         WHERE datname = $1 AND application_name = 'throughline compact'",
    )
    .bind(fixture.database.name())
    .execute(&mut fixture.database.admin().await)
    .await
    .expect("terminates");
    let mut second = other
        .try_lead(JobKind::Compact)
        .await
        .expect("asks")
        .expect("was given back");
    lead.check().await.expect_err("knows that it is over");
    second.check().await.expect("lives");
    second.release().await;
    other.close().await;
}
