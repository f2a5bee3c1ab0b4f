//! Limits the size of level 0: ingest is refused while compaction is far behind.

use std::sync::{Arc, Weak};
use std::time::Duration;

use sqlx::PgPool;
use tokio::time::sleep;

use super::queue::QueueBudget;
use crate::Level0Limit;
use crate::in_time::within;

/// The interval between two measurements of level 0, while spans are committed.
const EVERY: Duration = Duration::from_secs(2);

/// Measures level 0 until the writer or the pool is gone, and refuses batches while it is full. A
/// measurement scans a table of a few thousand rows. There is none while nothing is committed.
pub(super) async fn watch(
    pool: PgPool,
    budget: Weak<QueueBudget>,
    limit: Level0Limit,
    timeout: Duration,
) {
    loop {
        sleep(EVERY).await;
        let Some(budget) = budget.upgrade() else {
            return;
        };
        if pool.is_closed() {
            return;
        }
        if !budget.take_committed() && !budget.is_behind() {
            continue;
        }
        // The writer reports an unavailable database, so the error is ignored here.
        if let Ok((blocks, bytes)) = within(timeout, size(&pool)).await {
            note(&budget, limit, blocks, bytes);
        }
    }
}

async fn size(pool: &PgPool) -> Result<(u64, u64), sqlx::Error> {
    let (blocks, bytes): (i64, i64) = sqlx::query_as(
        "SELECT count(*), coalesce(sum(octet_length(columns)), 0)::bigint FROM level0_blocks",
    )
    .fetch_one(pool)
    .await?;
    Ok((blocks.unsigned_abs(), bytes.unsigned_abs()))
}

fn note(budget: &Arc<QueueBudget>, limit: Level0Limit, blocks: u64, bytes: u64) {
    metrics::gauge!("throughline_level0_blocks").set(blocks as f64);
    metrics::gauge!("throughline_level0_bytes").set(bytes as f64);
    let is_behind = blocks > limit.blocks || bytes > limit.bytes;
    let was_behind = budget.set_behind(is_behind);
    if is_behind && !was_behind {
        tracing::warn!(
            blocks,
            bytes,
            "compaction is behind and level 0 is full: ingest responds 429 until it is smaller"
        );
    } else if was_behind && !is_behind {
        tracing::info!(blocks, bytes, "level 0 is small enough: ingest resumes");
    }
}
