//! Tests that a reader sees all spans of a partition that is replaced while the reader waits for
//! its lock.

use std::time::Duration;

use sqlx::{AssertSqlSafe, PgConnection};
use throughline_testkit::{Ids, Sent};
use throughline_wire::TenantId;
use tokio::time::sleep;

use crate::support::{Fixture, lone};

async fn execute(connection: &mut PgConnection, sql: String) {
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(connection)
        .await
        .expect("executes");
}

/// Waits until a reader waits for the lock of the parent of level 1.
async fn until_a_reader_waits(fixture: &Fixture) {
    let waiting = "SELECT count(*) FROM pg_locks
        WHERE NOT granted AND mode = 'AccessShareLock' AND relation = 'level1_blocks'::regclass";
    while fixture.count(waiting).await == 0 {
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_reader_sees_the_spans_of_a_partition_that_is_replaced_while_it_waits() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(1);
    let root = lone("root", &mut ids).starts(fixture.now).build();
    let child = lone("child", &mut ids).starts(fixture.now).child_of(&root);
    let sent = [root.clone(), child.build()].map(|span| Sent::by("shop", span));
    fixture.write(&sent).await;
    fixture.store.compact_once().await.expect("compacts");
    let mut replacing = fixture.database.connection().await;
    let (table, bounds): (String, String) = sqlx::query_as(
        "SELECT relname::text, pg_get_expr(relpartbound, oid) FROM pg_class
         WHERE relispartition AND relname LIKE 'level1_blocks%' AND relkind = 'r'",
    )
    .fetch_one(&mut replacing)
    .await
    .expect("one partition");
    let lock = "BEGIN; LOCK TABLE ONLY level1_blocks IN ACCESS EXCLUSIVE MODE";
    execute(&mut replacing, lock.to_owned()).await;

    let reader = fixture.store.reader(TenantId::DEFAULT);
    let mut trace = tokio::spawn(async move { reader.trace(root.trace_id, None).await });
    tokio::select! {
        trace = &mut trace => panic!("the reader did not wait: {trace:?}"),
        () = until_a_reader_waits(&fixture) => {}
    }
    // Committed after the reader has begun, as a copy of retention may be.
    let copy = format!(
        "CREATE TABLE copy (LIKE {table} INCLUDING ALL); INSERT INTO copy SELECT * FROM {table}"
    );
    execute(&mut fixture.database.connection().await, copy).await;
    let replace = format!(
        "ALTER TABLE level1_blocks DETACH PARTITION {table};
         DROP TABLE {table};
         ALTER TABLE copy RENAME TO {table};
         ALTER TABLE level1_blocks ATTACH PARTITION {table} {bounds};
         COMMIT"
    );
    execute(&mut replacing, replace).await;

    let trace = trace.await.expect("runs").expect("reads");
    assert_eq!(trace.expect("is there").spans.len(), 2);
}
