//! Replaces a partition by a table of its kept rows.
//!
//! The copy takes no lock that blocks others. Then a table of blocks is locked against compaction,
//! and replaced if it has no new row. A table of events or payloads is always replaced, see [`swap`].
//! Readers wait only for the replacement itself.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::counts;
use super::damaged::Damaged;
use super::kept::{Keep, RowCounts};
use super::partition::{Parent, Partition, REWRITTEN};
use super::removal::{self, RemovalOutcome};
use super::{pins, swap};

/// Copies what is kept of `partition` and puts the copy in its place.
pub(super) async fn rewrite(
    connection: &mut PgConnection,
    partition: &Partition,
    keep: Keep,
    damaged: &mut Damaged,
) -> Result<RemovalOutcome, sqlx::Error> {
    let copy = format!("{}_kept", partition.table);
    let outcome = match copy_kept(connection, partition, &copy, keep, damaged).await? {
        CopiedRows::Nothing => Ok(RemovalOutcome::Changed),
        CopiedRows::Blocks(counts) => replace(connection, partition, &copy, counts, keep).await,
        CopiedRows::Rows { pins } => {
            swap::take_out(connection, partition, Some(&copy), pins, keep).await
        }
    };
    match outcome {
        Ok(RemovalOutcome::Done) => Ok(RemovalOutcome::Done),
        other => {
            execute(connection, format!("DROP TABLE IF EXISTS {copy}")).await?;
            other
        }
    }
}

/// The rows that were copied, of one moment.
enum CopiedRows {
    /// None: it is no longer known which rows are kept.
    Nothing,
    Blocks(RowCounts),
    /// Events or payloads.
    Rows {
        pins: i64,
    },
}

async fn copy_kept(
    connection: &mut PgConnection,
    partition: &Partition,
    copy: &str,
    keep: Keep,
    damaged: &mut Damaged,
) -> Result<CopiedRows, sqlx::Error> {
    let parent = partition.parent.table();
    let mut transaction = connection.begin().await?;
    // Copy and counts are of one moment.
    execute(
        &mut transaction,
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ".to_owned(),
    )
    .await?;
    let options = partition.parent.storage_options();
    execute(
        &mut transaction,
        format!(
            "CREATE TABLE {copy} (LIKE {parent} INCLUDING DEFAULTS INCLUDING CONSTRAINTS \
             INCLUDING INDEXES INCLUDING STORAGE INCLUDING COMPRESSION) {options}"
        ),
    )
    .await?;
    let unknown = counts::copy_kept(&mut transaction, partition, copy, keep, damaged).await?;
    let copied = match partition.parent {
        _ if unknown.is_some() => CopiedRows::Nothing,
        Parent::LevelOne => {
            CopiedRows::Blocks(counts::counts(&mut transaction, partition, keep, damaged).await?)
        }
        Parent::Events | Parent::Payloads => CopiedRows::Rows {
            pins: pins::state(&mut transaction).await?,
        },
    };
    // Proves that the rows belong here, so that attaching need not look at them.
    let condition = partition.condition();
    execute(
        &mut transaction,
        format!("ALTER TABLE {copy} ADD CONSTRAINT range CHECK ({condition})"),
    )
    .await?;
    transaction.commit().await?;
    Ok(copied)
}

async fn replace(
    connection: &mut PgConnection,
    partition: &Partition,
    copy: &str,
    seen: RowCounts,
    keep: Keep,
) -> Result<RemovalOutcome, sqlx::Error> {
    let Some(mut transaction) = removal::begin_removal(connection, partition, seen, keep).await?
    else {
        return Ok(RemovalOutcome::Changed);
    };
    removal::detach_and_drop(&mut transaction, partition).await?;
    let Partition { parent, table, .. } = partition;
    let parent = parent.table();
    let bounds = partition.bounds();
    for statement in [
        format!("ALTER TABLE {copy} RENAME TO {table}"),
        format!("ALTER TABLE {parent} ATTACH PARTITION {table} FOR VALUES {bounds}"),
        format!("ALTER TABLE {table} DROP CONSTRAINT range"),
    ] {
        execute(&mut transaction, statement).await?;
    }
    transaction.commit().await?;
    Ok(RemovalOutcome::Done)
}

/// Notes in the catalogue that a partition of blocks is rid of what goes by the rule of its class.
pub(super) async fn note_rewritten(
    connection: &mut PgConnection,
    partition: &Partition,
) -> Result<(), sqlx::Error> {
    let table = &partition.table;
    let note = format!("COMMENT ON TABLE {table} IS '{REWRITTEN}'");
    execute(connection, note).await
}

async fn execute(connection: &mut PgConnection, statement: String) -> Result<(), sqlx::Error> {
    sqlx::query(AssertSqlSafe(statement))
        .execute(connection)
        .await?;
    Ok(())
}
