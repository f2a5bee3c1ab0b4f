//! Tests that searches leave cores to ingest while spans wait for their commit.

use std::time::Duration;

use throughline_model::{AttributeCondition, PageRequest, TraceFilter};
use throughline_store::StoreOptions;
use throughline_store::testing::scan_counts;
use throughline_testkit::{Ids, Sent, span};
use throughline_wire::TenantId;

use crate::support::{Fixture, batch, lone};

/// Statements that make scans of blocks of level 1 wait for an advisory lock, and take it. Lists of blocks do not wait.
const HOLD_SCANS: &str = "
    CREATE FUNCTION held(ids uuid[]) RETURNS uuid[] STABLE LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock_shared(42);
        RETURN ids;
    END $$;
    ALTER TABLE level1_blocks RENAME TO blocks;
    DO $$
    BEGIN
        EXECUTE (
            SELECT format('CREATE VIEW level1_blocks AS SELECT %s FROM blocks', string_agg(
                CASE attname WHEN 'trace_ids' THEN 'held(trace_ids) AS trace_ids' ELSE attname END, ', '
            ))
            FROM pg_attribute
            WHERE attrelid = 'blocks'::regclass AND attnum > 0 AND NOT attisdropped
        );
    END $$;
    SELECT pg_advisory_lock(42);";

/// A query for the number of commits that wait for the row of a trace.
const HELD_COMMITS: &str = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity AS a USING (pid)
    WHERE NOT granted AND locktype = 'transactionid' AND a.datname = current_database()";

/// A query for the number of scans that wait for the advisory lock.
const HELD_SCANS: &str = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity AS a USING (pid)
    WHERE NOT granted AND locktype = 'advisory' AND a.datname = current_database()";

async fn pause() {
    tokio::time::sleep(Duration::from_millis(10)).await;
}

#[tokio::test]
async fn ten_searches_scan_on_a_quarter_of_the_cores_while_spans_wait_for_their_commit() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(320);
    let root = lone("work", &mut ids).starts(fixture.now);
    let root = root.with("key", "value").build();
    fixture.write(&[Sent::by("shop", root.clone())]).await;
    fixture.store.compact_once().await.expect("compacts");
    let mut scans_lock = fixture.database.connection().await;
    let mut row_lock = fixture.database.connection().await;
    for (connection, sql) in [
        (&mut scans_lock, HOLD_SCANS),
        (&mut row_lock, "BEGIN; SELECT FROM traces FOR UPDATE"),
    ] {
        let done = sqlx::raw_sql(sql).execute(connection).await;
        done.expect("holds");
    }

    let now = fixture.now;
    let store = fixture.database.store_with(StoreOptions {
        search_cores: 8,
        reader_connections: 12,
        read_timeout: Duration::from_hours(1),
        commit_timeout: Duration::from_hours(1),
        ..StoreOptions::new(move || now)
    });
    let commits: Vec<_> = (0..3)
        .map(|_| {
            let child = span("child").id(ids.span_id()).child_of(&root);
            let child = batch(&[Sent::by("shop", child.starts(now).build())]);
            let writer = store.writer();
            tokio::spawn(async move { writer.submit(child).await })
        })
        .collect();
    while fixture.count(HELD_COMMITS).await == 0 {
        pause().await;
    }
    let filter = TraceFilter {
        attributes: vec![AttributeCondition {
            key: "key".to_owned(),
            value: "value".to_owned(),
        }],
        ..TraceFilter::default()
    };
    let searches: Vec<_> = (0..10)
        .map(|_| {
            let (reader, filter) = (store.reader(TenantId::DEFAULT), filter.clone());
            tokio::spawn(async move { reader.list_traces(&filter, PageRequest::default()).await })
        })
        .collect();
    let until = async |running: usize| {
        loop {
            let (seen, waiting) = scan_counts(&store);
            assert!(seen <= running, "{seen} scans run");
            if (seen, waiting) == (running, 10 - running) {
                return;
            }
            pause().await;
        }
    };
    until(2).await;
    while fixture.count(HELD_SCANS).await < 2 {
        pause().await;
    }
    assert_eq!(fixture.count(HELD_SCANS).await, 2);

    let released = sqlx::raw_sql("ROLLBACK").execute(&mut row_lock).await;
    released.expect("releases");
    for commit in commits {
        let outcome = commit.await.expect("runs").expect("is stored");
        assert_eq!(outcome.received, 1);
    }
    // No span waits any more.
    until(8).await;
    let released = sqlx::raw_sql("SELECT pg_advisory_unlock(42)")
        .execute(&mut scans_lock)
        .await;
    released.expect("releases");
    for search in searches {
        let page = search.await.expect("runs").expect("lists");
        assert_eq!(page.items.len(), 1);
    }
    store.close().await;
}
