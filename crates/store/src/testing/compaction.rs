//! Blocks a compaction within its transaction.

use std::time::Duration;

use sqlx::{Connection as _, PgConnection};

use super::look::{connect, count};

/// A query for the number of compactions that wait for a row.
const WAITING: &str = "SELECT count(*) FROM pg_locks JOIN pg_stat_activity AS a USING (pid)
    WHERE NOT granted AND locktype = 'transactionid' AND a.datname = current_database()
        AND a.application_name LIKE 'throughline compact%'";

/// A lock that keeps compaction from deleting the present blocks of level 0.
#[derive(Debug)]
pub struct HeldCompaction(PgConnection);

impl HeldCompaction {
    /// Makes all level-0 blocks due, and locks their rows. A compaction then waits in its
    /// transaction, after it has written the spans to level 1. Ingest continues.
    ///
    /// # Panics
    /// Panics if the database does not respond.
    pub async fn hold(url: &str) -> Self {
        let mut connection = connect(url).await;
        // One transaction, so that no compaction runs between the statements.
        for statement in [
            "SELECT pg_advisory_lock(hashtextextended('throughline.compaction', 0))",
            "UPDATE level0_blocks SET written_at = now() - interval '11 minutes'",
            "BEGIN",
            "SELECT FROM level0_blocks FOR UPDATE",
            "SELECT pg_advisory_unlock(hashtextextended('throughline.compaction', 0))",
        ] {
            sqlx::raw_sql(statement)
                .execute(&mut connection)
                .await
                .expect("holds");
        }
        Self(connection)
    }

    /// Waits until a compaction waits.
    ///
    /// # Panics
    /// Panics if none waits within a minute.
    pub async fn until_it_waits(&self, url: &str) {
        for _ in 0..1_200 {
            if count(url, WAITING).await > 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no compaction began within a minute");
    }

    /// Releases the lock, so that compaction continues.
    pub async fn release(self) {
        // The end of the connection releases the rows in any case.
        let _ = self.0.close().await;
    }
}
