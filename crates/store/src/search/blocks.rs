//! Lists the blocks a search may have to scan, newest first, without those that cannot match.

use core::ops::RangeInclusive;
use std::sync::Arc;

use futures::TryStreamExt as _;
use sqlx::{FromRow, PgConnection};
use throughline_model::ReadError;
use uuid::Uuid;

use super::condition::LeafBits;
use super::plan::ScanPlan;
use super::prune::Pruner;
use super::rows::TraceRow;
use crate::block::PruneData;
use crate::block::table::report_corrupt;
use crate::sqlstate::read_error;

/// Blocks that one statement lists at most, but for those that end with the last one.
const LISTED: usize = 10_000;
/// The cost of a block besides its spans, in spans.
const BLOCK_COST: u64 = 256;

/// The key of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct BlockKey {
    pub level: i16,
    pub received_day: i32,
    pub class: i16,
    pub id: i64,
}

/// Keys of blocks, part by part, as a statement binds them.
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
    /// The values that it was pruned by, without the lists.
    pub prune: PruneData,
    /// The leaves it may match.
    pub leaves: LeafBits,
}

impl BlockInfo {
    /// Returns the cost of a scan, in spans.
    pub(super) fn cost(&self) -> u64 {
        u64::from(self.prune.span_count.unsigned_abs()) + BLOCK_COST
    }

    /// Returns whether it can have spans of a trace.
    pub(super) fn may_have_spans_of(&self, trace: &TraceRow) -> bool {
        let prune = &self.prune;
        self.key.id >= trace.first_block_id
            && prune.last_start_ns >= trace.start_ns
            && prune.first_start_ns <= trace.end_ns
            && (prune.first_trace_id..=prune.last_trace_id).contains(&trace.trace_id)
    }
}

/// The values by which a search prunes a block.
#[derive(FromRow)]
pub(super) struct Row {
    level: i16,
    pub id: i64,
    received_day: i32,
    class: i16,
    #[sqlx(flatten)]
    pub prune: PruneData,
    /// The operations, resources and scopes of the block, where the plan asks for any.
    pub operations: Option<Vec<i64>>,
    #[sqlx(rename = "listed_resources")]
    pub resources: Option<Vec<i64>>,
    #[sqlx(rename = "listed_scopes")]
    pub scopes: Option<Vec<i64>>,
    pub checksums: Vec<i32>,
    pub buckets: Option<Vec<Vec<u8>>>,
}

impl Row {
    /// The block, unless it cannot match or is damaged.
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

/// The blocks that are listed, by the starts of their spans; inclusive.
#[derive(Debug, Clone)]
pub(super) struct BlockRange {
    /// The range in which their last spans begin.
    pub last_starts_ns: RangeInclusive<i64>,
    /// Their first spans begin here at the latest.
    pub begun_ns: i64,
}

/// Lists the newest blocks of a range of time: one statement. Shows those that may match to `take`,
/// and returns where the last one of them ends when there may be older ones.
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
    let mut rows = sqlx::query_as::<_, Row>(include_str!("blocks.sql"))
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
    // One by one: the lists of a block may be long, and only few blocks may match.
    while let Some(row) = rows.try_next().await.map_err(read_error)? {
        count += 1;
        lowest_ns = lowest_ns.min(row.prune.last_start_ns);
        if let Some(block) = row.into_block(plan) {
            take(block);
        }
    }
    Ok((count >= limit && lowest_ns > first_ns).then_some(lowest_ns))
}

/// The blocks that were listed so far.
///
/// Bounded: a search with more candidates keeps those of the leaves that lead to few, or none, and lists
/// the others for each few traces that it decides.
#[derive(Debug)]
pub(super) struct BlockList {
    /// The blocks that may match a leaf that is listed, newest first by their last start.
    pub blocks: Vec<Arc<BlockInfo>>,
    /// All blocks that may have spans of traces that begin here or later are listed.
    pub covered_from_ns: i64,
    /// The leaves whose blocks are listed.
    listed: LeafBits,
    first_ns: i64,
    most: usize,
}

impl BlockList {
    /// Nothing listed yet, of the blocks with a span that begins at `first_ns` or later; `most` blocks
    /// are listed.
    pub(super) const fn new(first_ns: i64, most: usize) -> Self {
        Self {
            blocks: Vec::new(),
            covered_from_ns: i64::MAX,
            listed: LeafBits::MAX,
            first_ns,
            most,
        }
    }

    /// Whether there are no more to list.
    pub(super) const fn is_whole(&self) -> bool {
        self.covered_from_ns <= self.first_ns
    }

    /// Returns whether the blocks of all these leaves are listed.
    pub(super) const fn keeps(&self, leaves: LeafBits) -> bool {
        leaves & !self.listed == 0
    }

    /// Returns whether more blocks are listed than the limit allows.
    pub(super) const fn is_too_long(&self) -> bool {
        self.blocks.len() > self.most
    }

    /// Forgets the blocks of other leaves than these.
    pub(super) fn keep(&mut self, leaves: LeafBits) {
        self.listed &= leaves;
        self.blocks.retain(|block| block.leaves & leaves != 0);
        if self.is_too_long() || self.listed == 0 {
            self.listed = 0;
            self.blocks = Vec::new();
            self.covered_from_ns = self.first_ns;
        }
    }

    /// Lists the next ones; one statement.
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

    /// Returns the cost of scanning the blocks that may match a leaf; the greatest number where they
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
