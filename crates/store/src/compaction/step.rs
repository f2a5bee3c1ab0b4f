//! One step of compaction: reads some blocks, merges them, and replaces them in one transaction.

use core::ops::Range;
use std::collections::{BTreeSet, HashSet};

use sqlx::{AssertSqlSafe, Connection as _, FromRow, PgConnection};
use throughline_model::RetentionRules;
use throughline_wire::UnixNanos;
use uuid::Uuid;

use super::plan::{self, BlockGroup};
use super::{CompactionReport, Fate, Fates, Merged, merge};
use crate::block::table::{
    BlockPartition, STORED_BLOCK_COLUMNS, StoredBlock, insert_level1, report_unreadable,
};
use crate::rollup;
use crate::sqlstate::is_damage;

/// The class of traces without an error or a warning, and that of the others.
const CLASS_OK: i16 = 0;
const CLASS_ERROR: i16 = 1;
/// The longest wait for the lock under which a partition is created.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '1s'";
/// The margin before and after the spans of a step in which warnings of their traces are searched.
const WARNING_MARGIN_NS: i64 = UnixNanos::PER_HOUR;
/// The longest time range in which warnings are searched, so that a few old spans do not cause a
/// search in the partitions of many days.
const WARNING_RANGE_NS: i64 = 2 * UnixNanos::PER_DAY;

/// Compacts the oldest blocks of a group. The caller holds the lock of
/// [`exclusive`](super::exclusive), so no other process can remove blocks or traces. They are
/// therefore read before the transaction begins.
pub(super) async fn run(
    connection: &mut PgConnection,
    group: &BlockGroup,
    damaged: &mut HashSet<i64>,
    last_id: i64,
    rules: &RetentionRules,
) -> Result<CompactionReport, sqlx::Error> {
    let ids = plan::pick(connection, group, damaged, last_id).await?;
    let before = damaged.len();
    let blocks = load(connection, group, &ids, damaged).await?;
    // A block and the row of its trace are committed together, so a trace without a row was
    // removed.
    let fates = fates(connection, group, &blocks).await?;
    let stored = rollup::StoredWindows::read(connection).await?;
    let oldest_ns = stored.oldest_ns(rules);
    let (blocks, merged, counts) = in_background(move || {
        let merged = merge(&blocks, &fates)?;
        let skeletons = merged.blocks.iter().map(|(_, block)| &block.skeleton);
        let counts = rollup::count(skeletons, oldest_ns);
        Ok((blocks, merged, counts))
    })
    .await?;
    for &(position, corrupt) in &merged.damaged {
        blocks[position].report(corrupt);
        damaged.insert(blocks[position].id);
    }
    let mut report = CompactionReport {
        damaged_blocks: (damaged.len() - before) as u64,
        ..CompactionReport::default()
    };
    let replaced: Vec<i64> = merged.taken.iter().map(|&at| blocks[at].id).collect();
    if replaced.is_empty() {
        return Ok(report);
    }
    ensure_partitions(connection, group.received_day, &merged).await?;
    let (written, moved, dropped) = (merged.blocks.len(), merged.kept_spans, merged.dropped_spans);
    if replace(connection, group, &replaced, merged, counts, stored).await? {
        report.replaced_blocks = replaced.len() as u64;
        report.written_blocks = written as u64;
        report.moved_spans = moved;
        report.dropped_spans = dropped;
    } else {
        tracing::warn!("another compaction replaced the blocks; nothing was changed");
    }
    Ok(report)
}

/// Runs a long computation on a blocking thread.
pub(crate) async fn in_background<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, sqlx::Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(sqlx::Error::WorkerCrashed),
    }
}

/// Returns the blocks with these ids, in their order. A block that the database cannot read is
/// reported, remembered and left out.
async fn load(
    connection: &mut PgConnection,
    group: &BlockGroup,
    ids: &[i64],
    damaged: &mut HashSet<i64>,
) -> Result<Vec<StoredBlock>, sqlx::Error> {
    match select(connection, group, ids).await {
        Err(error) if is_damage(&error) => {}
        result => return result,
    }
    let mut blocks = Vec::new();
    for &id in ids {
        match select(connection, group, &[id]).await {
            Ok(block) => blocks.extend(block),
            Err(error) if is_damage(&error) => {
                report_unreadable(id, None, &error);
                damaged.insert(id);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(blocks)
}

async fn select(
    connection: &mut PgConnection,
    group: &BlockGroup,
    ids: &[i64],
) -> Result<Vec<StoredBlock>, sqlx::Error> {
    sqlx::query_as(AssertSqlSafe(format!(
        "SELECT {STORED_BLOCK_COLUMNS} FROM level0_blocks
         WHERE tenant_id = $1 AND bucket = $2 AND id = ANY ($3) ORDER BY id"
    )))
    .bind(group.tenant_id)
    .bind(group.bucket)
    .bind(ids)
    .fetch_all(connection)
    .await
}

#[derive(FromRow)]
struct FateRow {
    trace_id: Uuid,
    first_block_id: i64,
    is_bad: bool,
}

/// Returns the action for each trace in `blocks`.
async fn fates(
    connection: &mut PgConnection,
    group: &BlockGroup,
    blocks: &[StoredBlock],
) -> Result<Fates, sqlx::Error> {
    let traces = blocks.iter().flat_map(|block| &block.skeleton.trace_ids);
    let traces: BTreeSet<Uuid> = traces.copied().collect();
    let warnings = warning_range(group.received_day, blocks);
    let rows: Vec<FateRow> = sqlx::query_as(include_str!("trace_fates.sql"))
        .bind(group.tenant_id)
        .bind(traces.into_iter().collect::<Vec<_>>())
        .bind(warnings.start)
        .bind(warnings.end)
        .fetch_all(connection)
        .await?;
    let fate = |row: FateRow| {
        let fate = Fate {
            first_block_id: row.first_block_id,
            class: if row.is_bad { CLASS_ERROR } else { CLASS_OK },
        };
        (row.trace_id, fate)
    };
    Ok(rows.into_iter().map(fate).collect())
}

/// Returns the time range of the warnings of the traces: around the latest spans that are not in
/// the future.
fn warning_range(received_day: i32, blocks: &[StoredBlock]) -> Range<i64> {
    let first_ns = blocks.iter().map(|block| block.prune.first_start_ns).min();
    let last_ns = blocks.iter().map(|block| block.prune.last_end_ns).max();
    let received_end_ns = i64::from(received_day).saturating_add(1) * UnixNanos::PER_DAY;
    let end_ns = last_ns
        .unwrap_or_default()
        .min(received_end_ns)
        .saturating_add(WARNING_MARGIN_NS);
    let start_ns = first_ns
        .unwrap_or_default()
        .saturating_sub(WARNING_MARGIN_NS);
    start_ns.max(end_ns.saturating_sub(WARNING_RANGE_NS))..end_ns
}

/// Creates the partitions that the blocks need, each in a short transaction of its own.
async fn ensure_partitions(
    connection: &mut PgConnection,
    received_day: i32,
    merged: &Merged,
) -> Result<(), sqlx::Error> {
    let classes: BTreeSet<i16> = merged.blocks.iter().map(|(class, _)| *class).collect();
    for class in classes {
        let mut transaction = connection.begin().await?;
        sqlx::query(LOCK_TIMEOUT).execute(&mut *transaction).await?;
        let is_new: bool = sqlx::query_scalar("SELECT ensure_block_partition($1, $2)")
            .bind(received_day)
            .bind(class)
            .fetch_one(&mut *transaction)
            .await?;
        transaction.commit().await?;
        if is_new {
            tracing::info!(received_day, class, "created a partition of level 1");
        }
    }
    Ok(())
}

/// Writes the new blocks, deletes the old ones and adds their spans to the rollups. Changes nothing
/// and returns false when some of the old blocks are gone.
async fn replace(
    connection: &mut PgConnection,
    group: &BlockGroup,
    replaced: &[i64],
    merged: Merged,
    counts: rollup::Counts,
    stored: rollup::StoredWindows,
) -> Result<bool, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let ids: Vec<i64> =
        sqlx::query_scalar("SELECT nextval('block_ids') FROM generate_series(1, $1)")
            .bind(merged.blocks.len() as i64)
            .fetch_all(&mut *transaction)
            .await?;
    for (id, (class, block)) in ids.into_iter().zip(merged.blocks) {
        let partition = BlockPartition {
            received_day: group.received_day,
            class,
        };
        insert_level1(&mut transaction, group.tenant_id, id, partition, block).await?;
    }
    let deleted = sqlx::query(
        "DELETE FROM level0_blocks WHERE tenant_id = $1 AND bucket = $2 AND id = ANY ($3)",
    )
    .bind(group.tenant_id)
    .bind(group.bucket)
    .bind(replaced)
    .execute(&mut *transaction)
    .await?
    .rows_affected();
    if deleted == replaced.len() as u64 {
        rollup::add(&mut transaction, group.tenant_id, counts, stored).await?;
        transaction.commit().await?;
        Ok(true)
    } else {
        transaction.rollback().await?;
        Ok(false)
    }
}
