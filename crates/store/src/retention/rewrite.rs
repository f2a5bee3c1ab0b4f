//! Replaces a partition by a table of its kept rows.
//!
//! The rows are copied without holding anybody up; only then is the old table locked against
//! writers, and replaced if no row came meanwhile. Readers go on throughout, but for the instant
//! of the replacement.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::partition::{self, Counts, Keep, Outcome, Partition};

/// Copies what is kept of `partition` and puts the copy in its place.
pub(super) async fn rewrite(
    connection: &mut PgConnection,
    partition: &Partition,
    keep: Keep,
) -> Result<Outcome, sqlx::Error> {
    let copy = format!("{}_kept", partition.table);
    let counts = copy_kept(connection, partition, &copy, keep).await?;
    match replace(connection, partition, &copy, counts, keep).await {
        Ok(Outcome::Done) => Ok(Outcome::Done),
        other => {
            execute(connection, format!("DROP TABLE IF EXISTS {copy}")).await?;
            other
        }
    }
}

async fn copy_kept(
    connection: &mut PgConnection,
    partition: &Partition,
    copy: &str,
    keep: Keep,
) -> Result<Counts, sqlx::Error> {
    let (key, parent) = (partition.parent.key(), partition.parent.table());
    let mut transaction = connection.begin().await?;
    // Copy and counts are of one moment.
    execute(
        &mut transaction,
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ".to_owned(),
    )
    .await?;
    execute(
        &mut transaction,
        format!(
            "CREATE TABLE {copy} (LIKE {parent} INCLUDING DEFAULTS INCLUDING CONSTRAINTS \
             INCLUDING INDEXES INCLUDING STORAGE INCLUDING COMPRESSION)"
        ),
    )
    .await?;
    partition::copy_kept(&mut transaction, partition, copy, keep).await?;
    let counts = partition::counts(&mut transaction, partition, keep).await?;
    // Proves that the rows belong here, so that attaching need not look at them.
    let from = partition
        .from_ns
        .map_or_else(String::new, |from_ns| format!("{key} >= {from_ns} AND "));
    let to_ns = partition.to_ns;
    execute(
        &mut transaction,
        format!("ALTER TABLE {copy} ADD CONSTRAINT range CHECK ({from}{key} < {to_ns})"),
    )
    .await?;
    transaction.commit().await?;
    Ok(counts)
}

async fn replace(
    connection: &mut PgConnection,
    partition: &Partition,
    copy: &str,
    seen: Counts,
    keep: Keep,
) -> Result<Outcome, sqlx::Error> {
    let Some(mut transaction) = partition::begin_removal(connection, partition, seen, keep).await?
    else {
        return Ok(Outcome::Changed);
    };
    partition::detach_and_drop(&mut transaction, partition).await?;
    let Partition { parent, table, .. } = partition;
    let parent = parent.table();
    let from = partition
        .from_ns
        .map_or_else(|| "MINVALUE".to_owned(), |from_ns| from_ns.to_string());
    let to_ns = partition.to_ns;
    for statement in [
        format!("ALTER TABLE {copy} RENAME TO {table}"),
        format!(
            "ALTER TABLE {parent} ATTACH PARTITION {table} FOR VALUES FROM ({from}) TO ({to_ns})"
        ),
        format!("ALTER TABLE {table} DROP CONSTRAINT range"),
    ] {
        execute(&mut transaction, statement).await?;
    }
    transaction.commit().await?;
    Ok(Outcome::Done)
}

async fn execute(connection: &mut PgConnection, statement: String) -> Result<(), sqlx::Error> {
    sqlx::query(AssertSqlSafe(statement))
        .execute(connection)
        .await?;
    Ok(())
}
