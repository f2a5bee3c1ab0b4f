//! Removes a partition.
//!
//! Only retention and compaction write to partitions of blocks, so these are locked, compared with what
//! was seen, and dropped. Partitions of events and payloads are taken out first, see
//! [`swap`](super::swap).

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgTransaction};

use super::kept::{self, Keep, RowCounts};
use super::partition::Partition;
use super::pins;
use crate::compaction::exclusive;

/// The longest wait of a step for its lock. Everything that queues behind the step waits as long. After
/// that the step, or the next run, tries again.
pub(super) const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '1s'";

/// The result of a step on a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RemovalOutcome {
    Done,
    /// The table has new rows. The caller must count again.
    Changed,
}

/// Begins the transaction in which a table of blocks goes: nobody writes to it from here on, and it is
/// as it was when it was looked at, or there is none. Nobody pins anything from here on either,
/// where pins decide.
pub(super) async fn begin_removal<'a>(
    connection: &'a mut PgConnection,
    partition: &Partition,
    seen: RowCounts,
    keep: Keep,
) -> Result<Option<PgTransaction<'a>>, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let table = &partition.table;
    // A compaction that has begun ends first: it must not find its partition gone.
    exclusive::acquire_in_transaction(&mut transaction).await?;
    sqlx::query(LOCK_TIMEOUT).execute(&mut *transaction).await?;
    sqlx::query(AssertSqlSafe(format!(
        "LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"
    )))
    .execute(&mut *transaction)
    .await?;
    if keep == Keep::Pinned {
        pins::hold(&mut transaction).await?;
        if pins::state(&mut transaction).await? != seen.pins {
            transaction.rollback().await?;
            return Ok(None);
        }
        // Writers forget which spans are stored.
        sqlx::query("UPDATE retention_state SET prune_count = prune_count + 1")
            .execute(&mut *transaction)
            .await?;
    }
    if kept::count(&mut transaction, partition).await? != seen.blocks {
        transaction.rollback().await?;
        return Ok(None);
    }
    Ok(Some(transaction))
}

/// Takes the table out and drops it; needs all of the parent for an instant.
pub(super) async fn detach_and_drop(
    connection: &mut PgConnection,
    partition: &Partition,
) -> Result<(), sqlx::Error> {
    let (parent, table) = (partition.parent.table(), &partition.table);
    for statement in [
        format!("ALTER TABLE {parent} DETACH PARTITION {table}"),
        format!("DROP TABLE {table}"),
    ] {
        sqlx::query(AssertSqlSafe(statement))
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Drops a partition of blocks in which nothing is kept.
pub(super) async fn drop_it(
    connection: &mut PgConnection,
    partition: &Partition,
    seen: RowCounts,
    keep: Keep,
) -> Result<RemovalOutcome, sqlx::Error> {
    let Some(mut transaction) = begin_removal(connection, partition, seen, keep).await? else {
        return Ok(RemovalOutcome::Changed);
    };
    detach_and_drop(&mut transaction, partition).await?;
    transaction.commit().await?;
    Ok(RemovalOutcome::Done)
}

/// Returns whether the step only has to be done again: somebody held a lock for longer than we wait.
pub(super) fn is_in_the_way(error: &sqlx::Error) -> bool {
    let code = error
        .as_database_error()
        .and_then(sqlx::error::DatabaseError::code);
    matches!(code.as_deref(), Some("55P03" | "40P01"))
}
