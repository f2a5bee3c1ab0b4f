//! Removes expired rows that belong to no trace: open spans, processes, and counts of dropped spans.

use sqlx::PgConnection;

use super::Cutoffs;

/// Rows removed by one statement.
const BATCH: i64 = 10_000;

/// Open spans whose trace has no row (only its beginning ever came).
pub(super) async fn open_spans(
    connection: &mut PgConnection,
    cutoffs: Cutoffs,
) -> Result<u64, sqlx::Error> {
    in_batches(
        connection,
        include_str!("remove_open_spans.sql"),
        cutoffs.ok_ns,
    )
    .await
}

/// Processes that no kept trace can be about.
pub(super) async fn processes(
    connection: &mut PgConnection,
    cutoffs: Cutoffs,
) -> Result<u64, sqlx::Error> {
    let before_ns = cutoffs.ok_ns.min(cutoffs.error_ns);
    in_batches(connection, include_str!("remove_processes.sql"), before_ns).await
}

/// Counts of dropped spans past the time of rollups.
pub(super) async fn dropped_spans(
    connection: &mut PgConnection,
    cutoffs: Cutoffs,
) -> Result<u64, sqlx::Error> {
    let before_ns = cutoffs.rollup_ns;
    in_batches(
        connection,
        include_str!("remove_dropped_spans.sql"),
        before_ns,
    )
    .await
}

async fn in_batches(
    connection: &mut PgConnection,
    statement: &'static str,
    before_ns: i64,
) -> Result<u64, sqlx::Error> {
    let mut removed = 0;
    loop {
        let batch = sqlx::query(statement)
            .bind(before_ns)
            .bind(BATCH)
            .execute(&mut *connection)
            .await?
            .rows_affected();
        removed += batch;
        if batch < BATCH as u64 {
            return Ok(removed);
        }
    }
}
