//! Decides which level-0 blocks a step compacts.

use std::collections::HashSet;

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

/// The most spans of a step, unless one block has more.
pub(super) const MAX_STEP_SPANS: i64 = 65_536;
/// The most bytes of columns of a step, unless one block has more.
pub(super) const MAX_STEP_BYTES: i64 = 12 << 20;
/// The number of blocks from which a group is due.
const DUE_BLOCKS: i64 = 256;

/// The level-0 blocks that may become one level-1 block.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub(super) struct BlockGroup {
    pub tenant_id: Uuid,
    pub bucket: i16,
    pub received_day: i32,
    pub block_count: i64,
    pub span_count: i64,
    pub byte_count: i64,
    /// True if its oldest block has waited for 10 minutes, by the clock of the database.
    pub is_old: bool,
}

impl BlockGroup {
    /// Returns whether a scheduled run compacts it.
    pub(super) const fn is_due(&self) -> bool {
        self.is_old
            || self.block_count >= DUE_BLOCKS
            || self.span_count >= MAX_STEP_SPANS
            || self.byte_count >= MAX_STEP_BYTES
    }
}

/// Returns the greatest id of a level-0 block.
pub(super) async fn last_id(connection: &mut PgConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("SELECT coalesce(max(id), 0) FROM level0_blocks")
        .fetch_one(connection)
        .await
}

/// Returns all groups, ordered by their oldest block, without damaged blocks and without later ids.
pub(super) async fn groups(
    connection: &mut PgConnection,
    damaged: &HashSet<i64>,
    last_id: i64,
) -> Result<Vec<BlockGroup>, sqlx::Error> {
    sqlx::query_as(include_str!("level0_groups.sql"))
        .bind(ids(damaged))
        .bind(last_id)
        .fetch_all(connection)
        .await
}

/// Returns the ids of the blocks that the next step compacts, oldest first.
pub(super) async fn pick(
    connection: &mut PgConnection,
    group: &BlockGroup,
    damaged: &HashSet<i64>,
    last_id: i64,
) -> Result<Vec<i64>, sqlx::Error> {
    sqlx::query_scalar(include_str!("pick_blocks.sql"))
        .bind(group.tenant_id)
        .bind(group.bucket)
        .bind(group.received_day)
        .bind(ids(damaged))
        .bind(last_id)
        .bind(MAX_STEP_SPANS)
        .bind(MAX_STEP_BYTES)
        .fetch_all(connection)
        .await
}

fn ids(damaged: &HashSet<i64>) -> Vec<i64> {
    damaged.iter().copied().collect()
}
