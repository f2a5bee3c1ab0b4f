//! The lock that excludes compaction and the removal of traces and partitions from each other.
//!
//! Compaction reads which traces exist and writes their spans under new block ids. Were a trace
//! removed and stored anew in between, its old spans could get a greater id than the new trace's
//! first block and come back.

use sqlx::PgConnection;

/// Waits for the lock; held until [`release`] or until the connection ends.
pub(crate) async fn acquire(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_advisory_lock(hashtextextended('throughline.compaction', 0))")
        .execute(connection)
        .await?;
    Ok(())
}

/// Gives the lock back.
pub(crate) async fn release(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_advisory_unlock(hashtextextended('throughline.compaction', 0))")
        .execute(connection)
        .await?;
    Ok(())
}

/// Waits for the lock; held until the transaction ends.
pub(crate) async fn acquire_in_transaction(
    connection: &mut PgConnection,
) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('throughline.compaction', 0))")
        .execute(connection)
        .await?;
    Ok(())
}
