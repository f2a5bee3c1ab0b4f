//! Counts and copies the rows of a partition that are kept.

use sqlx::{AssertSqlSafe, PgConnection};

use super::damaged::Damaged;
use super::kept::{Keep, RowCounts, count};
use super::partition::{Parent, Partition};
use super::{level_one, payloads, pins};

/// The rows `s` of a partition and whether each is kept.
fn rows(partition: &Partition, keep: Keep, columns: &str) -> String {
    let (table, kept_traces) = (&partition.table, keep.table());
    format!(
        "SELECT {columns} FROM {table} AS s \
         LEFT JOIN {kept_traces} AS t ON t.tenant_id = s.tenant_id AND t.trace_id = s.trace_id"
    )
}

/// Inserts the kept rows of `partition` into `copy`.
pub(super) async fn copy_kept(
    connection: &mut PgConnection,
    partition: &Partition,
    copy: &str,
    keep: Keep,
    damaged: &mut Damaged,
) -> Result<(), sqlx::Error> {
    match partition.parent {
        Parent::LevelOne => level_one::copy_kept(connection, partition, copy, keep, damaged).await,
        Parent::Payloads => payloads::copy_kept(connection, partition, copy, keep, damaged).await,
        Parent::Events => {
            let (rows, kept) = (rows(partition, keep, "s.*"), partition.parent.kept());
            sqlx::query(AssertSqlSafe(format!(
                "INSERT INTO {copy} {rows} WHERE {kept}"
            )))
            .bind(keep.before_ns())
            .execute(connection)
            .await?;
            Ok(())
        }
    }
}

pub(super) async fn counts(
    connection: &mut PgConnection,
    partition: &Partition,
    keep: Keep,
    damaged: &mut Damaged,
) -> Result<RowCounts, sqlx::Error> {
    let pins = pins::state(connection).await?;
    let version = version(connection, partition).await?;
    let counts = match partition.parent {
        Parent::LevelOne => level_one::counts(connection, partition, keep, damaged).await?,
        Parent::Payloads => payloads::counts(connection, partition, keep, damaged).await?,
        Parent::Events => row_counts(connection, partition, keep).await?,
    };
    Ok(RowCounts {
        pins,
        version,
        ..counts
    })
}

async fn row_counts(
    connection: &mut PgConnection,
    partition: &Partition,
    keep: Keep,
) -> Result<RowCounts, sqlx::Error> {
    let (kept, waits) = (partition.parent.kept(), partition.parent.waits());
    let columns = format!(
        "count(*) AS total, count(*) FILTER (WHERE {kept}) AS kept, \
         count(*) FILTER (WHERE {waits}) AS waiting"
    );
    sqlx::query_as(AssertSqlSafe(rows(partition, keep, &columns)))
        .bind(keep.before_ns())
        .fetch_one(connection)
        .await
}

/// A number that is another one once rows came to the partition. A payload that is referred to again
/// need not be a new row, so that of payloads tells which rows refer to some.
pub(super) async fn version(
    connection: &mut PgConnection,
    partition: &Partition,
) -> Result<i64, sqlx::Error> {
    match partition.parent {
        Parent::Payloads => payloads::referrers(connection, partition).await,
        _ => count(connection, partition).await,
    }
}
