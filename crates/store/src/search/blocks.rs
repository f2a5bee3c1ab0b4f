//! Lists the blocks that a search may have to scan, newest first, and skips blocks that cannot
//! match.

use core::ops::RangeInclusive;
use std::sync::Arc;

use futures::TryStreamExt as _;
use sqlx::PgConnection;
use throughline_model::ReadError;
use uuid::Uuid;

use super::condition::LeafBits;
use super::plan::ScanPlan;
use super::prune::{PruneRow, Pruner};
use super::trace_row::TraceRow;
use crate::block::PruneData;
use crate::block::table::report_corrupt;
use crate::sqlstate::read_error;

/// The maximum number of blocks that one statement lists. It lists more only if they share the last
/// start of the final block, so that the next page can continue after that time.
const LISTED: usize = 10_000;
/// The fixed cost of scanning a block, in spans.
const BLOCK_COST: u64 = 256;

/// The key of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct BlockKey {
    pub level: i16,
    pub received_day: i32,
    pub class: i16,
    pub id: i64,
}

/// Keys of blocks as parallel arrays, in the form of bind parameters.
#[derive(Debug, Default)]
pub(super) struct BlockKeys {
    pub levels: Vec<i16>,
    pub days: Vec<i32>,
    pub classes: Vec<i16>,
    pub ids: Vec<i64>,
}

impl BlockKeys {
    pub(super) fn of(keys: impl Iterator<Item = BlockKey>) -> Self {
        let mut all = Self::default();
        for key in keys {
            all.levels.push(key.level);
            all.days.push(key.received_day);
            all.classes.push(key.class);
            all.ids.push(key.id);
        }
        all
    }
}

/// A block that may match.
#[derive(Debug)]
pub(super) struct BlockInfo {
    pub key: BlockKey,
    /// The prune data, without the lists.
    pub prune: PruneData,
    /// The leaves that the block may match.
    pub leaves: LeafBits,
}

impl BlockInfo {
    /// Returns the cost of a scan, in spans.
    pub(super) fn cost(&self) -> u64 {
        u64::from(self.prune.span_count.unsigned_abs()) + BLOCK_COST
    }

    /// Returns true if the block may have spans of the trace.
    pub(super) fn may_have_spans_of(&self, trace: &TraceRow) -> bool {
        let prune = &self.prune;
        self.key.id >= trace.first_block_id
            && prune.last_start_ns >= trace.start_ns
            && prune.first_start_ns <= trace.end_ns
            && (prune.first_trace_id..=prune.last_trace_id).contains(&trace.trace_id)
    }
}

impl PruneRow {
    /// Returns the block. Returns `None` if it cannot match or is damaged. Logs the damage.
    fn into_block(self, plan: &ScanPlan) -> Option<BlockInfo> {
        let leaves = match Pruner::new(plan, &self) {
            Ok(pruner) => pruner.leaves(),
            Err(corrupt) => {
                report_corrupt(self.id, &self.prune, corrupt);
                return None;
            }
        };
        (leaves != 0).then_some(BlockInfo {
            key: BlockKey {
                level: self.level,
                received_day: self.received_day,
                class: self.class,
                id: self.id,
            },
            prune: self.prune,
            leaves,
        })
    }
}

/// A range of blocks by the starts of their spans, inclusive.
#[derive(Debug, Clone)]
pub(super) struct BlockRange {
    /// The range of the last span start of a block.
    pub last_starts_ns: RangeInclusive<i64>,
    /// The maximum of the first span start of a block.
    pub begun_ns: i64,
}

/// Lists the newest blocks of a time range in one statement. Calls `take` for each block that may
/// match.
///
/// Returns the lowest last start among the listed blocks if older blocks may follow. Returns `None`
/// if the range is complete.
pub(super) async fn page(
    connection: &mut PgConnection,
    tenant: Uuid,
    plan: &ScanPlan,
    (range, most): (BlockRange, usize),
    mut take: impl FnMut(BlockInfo),
) -> Result<Option<i64>, ReadError> {
    let limit = most.clamp(1, LISTED);
    let (first_ns, last_ns) = range.last_starts_ns.into_inner();
    let factors: Vec<i64> = plan
        .probes
        .iter()
        .map(|probe| probe.bucket_factor())
        .collect();
    let dictionary = &plan.dictionary;
    let mut rows = sqlx::query_as::<_, PruneRow>(include_str!("blocks.sql"))
        .bind(tenant)
        .bind(first_ns)
        .bind(last_ns)
        .bind(limit as i64)
        .bind(!dictionary.operations.is_empty())
        .bind(!dictionary.resource_ids.is_empty())
        .bind(!dictionary.scope_ids.is_empty())
        .bind(factors)
        .bind(range.begun_ns)
        .fetch(connection);
    let (mut count, mut lowest_ns) = (0, last_ns);
    // Streams the rows, because the lists of a block may be long and only few blocks may match.
    while let Some(row) = rows.try_next().await.map_err(read_error)? {
        count += 1;
        lowest_ns = lowest_ns.min(row.prune.last_start_ns);
        if let Some(block) = row.into_block(plan) {
            take(block);
        }
    }
    Ok((count >= limit && lowest_ns > first_ns).then_some(lowest_ns))
}

/// The blocks listed so far.
///
/// The size is limited. A search with more candidates keeps only the blocks of leaves that few
/// blocks may match, or none. It then lists the other blocks again for each small group of traces
/// that it decides.
#[derive(Debug)]
pub(super) struct BlockList {
    /// The blocks that may match a listed leaf, newest first by last start.
    pub blocks: Vec<Arc<BlockInfo>>,
    /// The list is complete for traces that start at this time or later.
    pub covered_from_ns: i64,
    /// The leaves whose blocks are listed.
    listed: LeafBits,
    first_ns: i64,
    most: usize,
}

impl BlockList {
    /// Creates an empty list for blocks with a span that starts at `first_ns` or later. `most` is
    /// the maximum number of blocks.
    pub(super) const fn new(first_ns: i64, most: usize) -> Self {
        Self {
            blocks: Vec::new(),
            covered_from_ns: i64::MAX,
            listed: LeafBits::MAX,
            first_ns,
            most,
        }
    }

    /// Returns true if the list reached the start of the range.
    pub(super) const fn is_whole(&self) -> bool {
        self.covered_from_ns <= self.first_ns
    }

    /// Returns true if the blocks of all these leaves are listed.
    pub(super) const fn keeps(&self, leaves: LeafBits) -> bool {
        leaves & !self.listed == 0
    }

    /// Returns true if the list is over the limit.
    pub(super) const fn is_too_long(&self) -> bool {
        self.blocks.len() > self.most
    }

    /// Removes the blocks that match none of these leaves. Removes all blocks if the list is still
    /// over the limit.
    pub(super) fn keep(&mut self, leaves: LeafBits) {
        self.listed &= leaves;
        self.blocks.retain(|block| block.leaves & leaves != 0);
        if self.is_too_long() || self.listed == 0 {
            self.listed = 0;
            self.blocks = Vec::new();
            self.covered_from_ns = self.first_ns;
        }
    }

    /// Lists the next blocks in one statement.
    pub(super) async fn extend(
        &mut self,
        connection: &mut PgConnection,
        tenant: Uuid,
        plan: &ScanPlan,
    ) -> Result<(), ReadError> {
        let last_ns = if self.covered_from_ns == i64::MAX {
            i64::MAX
        } else {
            self.covered_from_ns - 1
        };
        let range = BlockRange {
            last_starts_ns: self.first_ns..=last_ns,
            begun_ns: i64::MAX,
        };
        let Self {
            blocks,
            listed,
            most,
            ..
        } = self;
        let from = blocks.len();
        let lowest = page(connection, tenant, plan, (range, *most), |block| {
            if block.leaves & *listed != 0 {
                blocks.push(Arc::new(block));
            }
        });
        self.covered_from_ns = lowest.await?.unwrap_or(self.first_ns);
        self.blocks[from..].sort_unstable_by_key(|block| {
            core::cmp::Reverse((block.prune.last_start_ns, block.key.id))
        });
        Ok(())
    }

    /// Returns the cost of scanning the blocks that may match a leaf. Returns `u64::MAX` if they
    /// are not listed.
    pub(super) fn cost(&self, leaf: usize) -> u64 {
        if !self.keeps(1 << leaf) {
            return u64::MAX;
        }
        let matching = self
            .blocks
            .iter()
            .filter(|block| block.leaves >> leaf & 1 == 1);
        matching.map(|block| block.cost()).sum()
    }
}
