//! Rewrites a partition of blocks in place, a few blocks in one transaction. Compaction waits for one
//! transaction at most, and a reader sees a block either before or after its rewrite.

use sqlx::{Connection as _, PgConnection};

use super::copied_block::CopiedBlock;
use super::damaged::Damaged;
use super::kept::Keep;
use super::level_one::{self, mergeable};
use super::partition::Partition;
use crate::block::table::{BlockPartition, delete_block, insert_level1};
use crate::compaction::exclusive;

/// The most blocks of one transaction.
const BATCH: usize = 8;

/// Removes the spans that are not kept from the blocks that are stored by now. Compaction adds only
/// spans of kept traces meanwhile.
pub(super) async fn rewrite(
    connection: &mut PgConnection,
    partition: &Partition,
    keep: Keep,
    damaged: &mut Damaged,
) -> Result<(), sqlx::Error> {
    let blocks =
        level_one::blocks_with_removed_traces(connection, partition, keep, damaged).await?;
    for of_tenant in blocks.chunk_by(|a, b| a.tenant_id == b.tenant_id) {
        let mut rest = of_tenant;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(mergeable(rest).min(BATCH));
            exclusive::acquire(connection).await?;
            let done = rewrite_blocks(connection, partition, keep, now, damaged).await;
            let released = exclusive::release(connection).await;
            let done = done?;
            released?;
            // What did not fit into memory is rewritten next.
            rest = if done < now.len() {
                &rest[done..]
            } else {
                later
            };
        }
    }
    Ok(())
}

/// Rewrites blocks of one tenant in one transaction; returns how many of them, from the first on, are
/// done. Damaged blocks stay as they are.
async fn rewrite_blocks(
    connection: &mut PgConnection,
    partition: &Partition,
    keep: Keep,
    parts: &[CopiedBlock],
    damaged: &mut Damaged,
) -> Result<usize, sqlx::Error> {
    let tenant = parts[0].tenant_id;
    let (blocks, merged) = level_one::merged(connection, partition, keep, parts, damaged).await?;
    let of_class = |class| BlockPartition {
        received_day: partition.received_day(),
        class,
    };
    let mut transaction = connection.begin().await?;
    for (class, block) in merged.blocks {
        let id: i64 = sqlx::query_scalar("SELECT nextval('block_ids')")
            .fetch_one(&mut *transaction)
            .await?;
        insert_level1(&mut transaction, tenant, id, of_class(class), block).await?;
    }
    for position in merged.taken {
        let (id, class) = (blocks[position].id, partition.class);
        delete_block(&mut transaction, tenant, id, Some(of_class(class))).await?;
    }
    transaction.commit().await?;
    for (position, corrupt) in merged.damaged {
        damaged.report(&blocks[position], corrupt);
    }
    let next = blocks.get(merged.end).map(|block| block.id);
    let done = next.and_then(|next| parts.iter().position(|block| block.id == next));
    Ok(done.unwrap_or(parts.len()))
}
