//! The lock that excludes compaction and the removal of traces and partitions from each other.
//!
//! Compaction reads which traces exist and writes their spans under new block ids. Without the
//! lock, a trace could be removed and stored again in between. Its old spans could then get a
//! greater block id than the new trace's first block, and would become visible again.

use sqlx::PgConnection;

/// Waits for the lock; it is held until [`release`] or until the connection ends.
pub(crate) async fn acquire(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_advisory_lock(hashtextextended('throughline.compaction', 0))")
        .execute(connection)
        .await?;
    Ok(())
}

/// Releases the lock.
pub(crate) async fn release(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_advisory_unlock(hashtextextended('throughline.compaction', 0))")
        .execute(connection)
        .await?;
    Ok(())
}

/// Waits for the lock; it is held until the transaction ends.
pub(crate) async fn acquire_in_transaction(
    connection: &mut PgConnection,
) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('throughline.compaction', 0))")
        .execute(connection)
        .await?;
    Ok(())
}
