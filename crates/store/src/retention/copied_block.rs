//! Reads the blocks of a partition of level 1 of which something is kept.

use sqlx::{AssertSqlSafe, Connection as _, FromRow, PgConnection};
use uuid::Uuid;

use super::damaged::Damaged;
use super::partition::Partition;
use crate::block::table::{BUCKET, STORED_BLOCK_COLUMNS, StoredBlock, report_unreadable};
use crate::sqlstate::is_damage;

/// A block of which something is kept.
#[derive(Debug, Clone, Copy, FromRow)]
pub(super) struct CopiedBlock {
    pub tenant_id: Uuid,
    pub id: i64,
    /// True when it is copied as it is.
    pub is_whole: bool,
    pub first_start_ns: i64,
    pub last_start_ns: i64,
    pub span_count: i64,
    pub byte_count: i64,
}

/// The blocks, without those that the database cannot read: these are reported and remembered.
pub(super) async fn load(
    connection: &mut PgConnection,
    partition: &Partition,
    parts: &[CopiedBlock],
    damaged: &mut Damaged,
) -> Result<Vec<StoredBlock>, sqlx::Error> {
    match select(connection, partition, parts).await {
        Err(error) if is_damage(&error) => {}
        result => return result,
    }
    let mut blocks = Vec::new();
    for part in parts {
        match select(connection, partition, core::slice::from_ref(part)).await {
            Ok(block) => blocks.extend(block),
            Err(error) if is_damage(&error) => {
                if damaged.insert(part.id) {
                    let range_ns = (part.first_start_ns, part.last_start_ns);
                    report_unreadable(part.id, Some(range_ns), &error);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(blocks)
}

/// Reads blocks under a savepoint, so that the transaction goes on when one cannot be read.
async fn select(
    connection: &mut PgConnection,
    partition: &Partition,
    parts: &[CopiedBlock],
) -> Result<Vec<StoredBlock>, sqlx::Error> {
    let table = &partition.table;
    let ids: Vec<i64> = parts.iter().map(|block| block.id).collect();
    let mut savepoint = connection.begin().await?;
    let blocks = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT {STORED_BLOCK_COLUMNS} FROM {table}
         WHERE received_day = $1 AND class = $2 AND tenant_id = $3 AND bucket = $4
             AND id = ANY ($5)
         ORDER BY id"
    )))
    .bind(partition.received_day())
    .bind(partition.class)
    .bind(parts[0].tenant_id)
    .bind(BUCKET)
    .bind(ids)
    .fetch_all(&mut *savepoint)
    .await;
    match blocks {
        Ok(blocks) => {
            savepoint.commit().await?;
            Ok(blocks)
        }
        Err(error) => {
            savepoint.rollback().await?;
            Err(error)
        }
    }
}
