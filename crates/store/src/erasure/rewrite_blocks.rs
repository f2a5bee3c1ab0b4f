//! Rewrites the spans of selected blocks.
//!
//! Blocks are rewritten in place, a few in one transaction, under the lock that excludes
//! compaction. A reader sees a block either before or after its rewrite. Ingest continues.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use uuid::Uuid;

use super::selected_blocks::{self, BlockLocation, ErasureSelection, all_blocks, selected_blocks};
use super::step;
use crate::block::table::{
    BUCKET, BlockPartition, STORED_BLOCK_COLUMNS, StoredBlock, delete_block, replace_block,
    report_unreadable,
};
use crate::block::{Block, BlockBuilder, Corrupt, SpanRecord};
use crate::compaction::{exclusive, in_background};
use crate::day::day_ns;
use crate::sqlstate::is_damage;
use crate::{Gauge, StoreError, retention};

/// The number of blocks in one transaction.
const BATCH: usize = 8;
/// The zstd level of rewritten blocks.
const LEVEL: i32 = 3;

/// A function from a span to the span that replaces it: it calls its second argument with that span,
/// which must be of the same trace and no larger, or does not call it, to remove the span.
pub(super) type Map = Arc<dyn Fn(&SpanRecord<'_>, &mut dyn FnMut(&SpanRecord<'_>)) + Send + Sync>;

/// The progress of a rewrite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockProgress {
    /// The number of blocks that were checked.
    pub done_blocks: u64,
    /// The number of blocks of the tenant.
    pub total_blocks: u64,
}

/// The result of a rewrite.
#[derive(Debug, Default)]
pub(super) struct Rewritten {
    /// The number of blocks that were rewritten or removed.
    pub block_count: u64,
    /// The number of removed spans.
    pub removed_spans: u64,
    /// The number of blocks that cannot be read and were left.
    pub damaged_blocks: u64,
}

impl Rewritten {
    fn add(&mut self, other: &Self) {
        self.block_count += other.block_count;
        self.removed_spans += other.removed_spans;
        self.damaged_blocks += other.damaged_blocks;
    }
}

/// Rewrites the selected blocks by `map`, and calls `progress` after every few blocks. No new block
/// can belong to the selection, because later blocks have greater ids.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::DiskReserve`], [`StoreError::Busy`]. Completed batches
/// stay done. Another call continues after them, if `map` does not change a span that it returned
/// before.
pub(super) async fn rewrite_blocks(
    connection: &mut PgConnection,
    selection: &ErasureSelection<'_>,
    gauge: &Gauge,
    map: Map,
    mut progress: impl FnMut(BlockProgress),
) -> Result<Rewritten, StoreError> {
    let mut rewritten = Rewritten::default();
    let all = all_blocks(connection, selection).await?;
    let mut done_blocks = 0;
    for locations in selected_blocks::chunks(&all) {
        let selected = selected_blocks(connection, selection, locations).await?;
        rewritten.damaged_blocks += selected.damaged_blocks;
        for batch in selected.locations.chunks(BATCH) {
            step::begin(connection, gauge, step::TIMEOUT).await?;
            let part = rewrite_exclusively(connection, selection, batch, &map).await;
            let ended = step::end(connection).await;
            rewritten.add(&part?);
            ended?;
        }
        done_blocks += locations.len() as u64;
        progress(BlockProgress {
            done_blocks,
            total_blocks: all.len() as u64,
        });
    }
    Ok(rewritten)
}

async fn rewrite_exclusively(
    connection: &mut PgConnection,
    selection: &ErasureSelection<'_>,
    locations: &[BlockLocation],
    map: &Map,
) -> Result<Rewritten, sqlx::Error> {
    exclusive::acquire(connection).await?;
    let rewritten = rewrite(connection, selection, locations, map).await;
    let released = exclusive::release(connection).await;
    let rewritten = rewritten?;
    released?;
    Ok(rewritten)
}

/// Rewrites blocks of one table in one transaction.
async fn rewrite(
    connection: &mut PgConnection,
    selection: &ErasureSelection<'_>,
    locations: &[BlockLocation],
    map: &Map,
) -> Result<Rewritten, sqlx::Error> {
    let tenant = selection.tenant;
    let partition = locations.first().and_then(|location| location.partition());
    let mut rewritten = Rewritten::default();
    let mut blocks = Vec::new();
    for &BlockLocation { id, .. } in locations {
        match load(connection, tenant, partition, id).await {
            Ok(block) => blocks.extend(block),
            Err(error) if is_damage(&error) => {
                report_unreadable(id, None, &error);
                rewritten.damaged_blocks += 1;
            }
            Err(error) => return Err(error),
        }
    }
    let map = Arc::clone(map);
    // Read after the blocks: the row of a trace is committed with its first block.
    let new_traces = new_traces(connection, selection).await?;
    let (blocks, mapped) = in_background(move || {
        let mapped = blocks.iter().map(|block| mapped(block, &map, &new_traces));
        let mapped = mapped.collect::<std::io::Result<Vec<_>>>()?;
        Ok((blocks, mapped))
    })
    .await?;
    let mut transaction = connection.begin().await?;
    let mut payload_days = BTreeSet::new();
    for (block, mapped) in blocks.iter().zip(mapped) {
        match mapped {
            Err(corrupt) => {
                block.report(corrupt);
                rewritten.damaged_blocks += 1;
            }
            // The block only holds spans of traces that were stored after the selection.
            Ok(None) => {}
            Ok(Some(mapped)) => {
                match mapped.block {
                    Some(new) => {
                        replace_block(&mut transaction, tenant, block.id, partition, new).await?;
                    }
                    None => delete_block(&mut transaction, tenant, block.id, partition).await?,
                }
                rewritten.block_count += 1;
                rewritten.removed_spans += mapped.removed_spans;
                payload_days.extend(mapped.payload_days);
            }
        }
    }
    retention::mark_payload_days(&mut transaction, &payload_days).await?;
    transaction.commit().await?;
    Ok(rewritten)
}

/// Returns the selected traces that have a row, each with its first block. A commit that ran while
/// the selection was made may have inserted such a row; its spans stay.
async fn new_traces(
    connection: &mut PgConnection,
    selection: &ErasureSelection<'_>,
) -> Result<HashMap<[u8; 16], i64>, sqlx::Error> {
    let rows: Vec<(Uuid, i64)> = sqlx::query_as(
        "SELECT trace_id, first_block_id FROM traces WHERE tenant_id = $1 AND trace_id = ANY ($2)",
    )
    .bind(selection.tenant)
    .bind(selection.trace_ids)
    .fetch_all(connection)
    .await?;
    let rows = rows.into_iter().map(|(id, first)| (id.into_bytes(), first));
    Ok(rows.collect())
}

/// Returns a block; `None` when it is gone.
async fn load(
    connection: &mut PgConnection,
    tenant: Uuid,
    partition: Option<BlockPartition>,
    id: i64,
) -> Result<Option<StoredBlock>, sqlx::Error> {
    let (table, condition) = match partition {
        None => (
            "level0_blocks",
            "$4::integer IS NULL AND $5::smallint IS NULL",
        ),
        Some(_) => ("level1_blocks", "received_day = $4 AND class = $5"),
    };
    sqlx::query_as(AssertSqlSafe(format!(
        "SELECT {STORED_BLOCK_COLUMNS} FROM {table}
         WHERE tenant_id = $1 AND bucket = $2 AND id = $3 AND {condition}"
    )))
    .bind(tenant)
    .bind(BUCKET)
    .bind(id)
    .bind(partition.map(|partition| partition.received_day))
    .bind(partition.map(|partition| partition.class))
    .fetch_optional(connection)
    .await
}

/// A block some of whose spans were changed or removed.
struct Mapped {
    /// `None` when no span is left.
    block: Option<Block>,
    removed_spans: u64,
    /// The starts of the days of removed spans that referred to large values.
    payload_days: BTreeSet<i64>,
}

/// Maps the spans of a block; `None` when all spans stay unchanged.
fn mapped(
    block: &StoredBlock,
    map: &Map,
    new_traces: &HashMap<[u8; 16], i64>,
) -> std::io::Result<Result<Option<Mapped>, Corrupt>> {
    // The result stays one block, even when its spans grow.
    let mut builder = BlockBuilder::new(LEVEL);
    let mut is_changed = false;
    let mut removed_spans = 0;
    let mut payload_days = BTreeSet::new();
    let decoded = block.for_each(|record| {
        let first_block_id = new_traces.get(&record.trace_id);
        if first_block_id.is_some_and(|first| block.id >= *first) {
            builder.push(&record);
            return;
        }
        let mut is_kept = false;
        map(&record, &mut |kept| {
            is_kept = true;
            is_changed |= *kept != record;
            builder.push(kept);
        });
        if !is_kept {
            is_changed = true;
            removed_spans += 1;
            if !record.payloads.is_empty() {
                payload_days.insert(day_ns(record.start_ns));
            }
        }
    });
    if let Err(corrupt) = decoded {
        return Ok(Err(corrupt));
    }
    if !is_changed {
        return Ok(Ok(None));
    }
    let block = if builder.is_empty() {
        None
    } else {
        Some(builder.finish()?)
    };
    Ok(Ok(Some(Mapped {
        block,
        removed_spans,
        payload_days,
    })))
}
