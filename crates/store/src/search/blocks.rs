//! Lists the blocks a search may have to scan, newest first, and leaves out those that cannot match.

use std::sync::Arc;

use sqlx::{FromRow, PgConnection};
use throughline_model::{Comparison, ReadError};
use uuid::Uuid;

use super::plan::{AttributeTest, Leaf, LeafBits, Node, ScanPlan};
use super::value::Number;
use crate::block::PruneData;
use crate::block::table::report_corrupt;
use crate::sqlstate::read_error;

/// Blocks that one statement lists, but for those that end with the last one.
const LISTED: i64 = 10_000;
/// The cost of a block besides its spans, in spans.
const BLOCK_WEIGHT: u64 = 256;

/// A block that may match.
#[derive(Debug)]
pub(super) struct BlockInfo {
    pub level: i16,
    pub id: i64,
    pub received_day: i32,
    pub class: i16,
    pub prune: PruneData,
    /// The operations of the block, where the plan asks for any.
    pub operations: Vec<i64>,
    /// The leaves it may match.
    pub leaves: LeafBits,
}

impl BlockInfo {
    /// Returns the cost of a scan, in spans.
    pub(super) fn weight(&self) -> u64 {
        u64::from(self.prune.span_count.unsigned_abs()) + BLOCK_WEIGHT
    }

    /// Whether it can have spans of a trace with this id that lasts from `start_ns` to `end_ns`.
    pub(super) fn may_have(&self, trace_id: Uuid, start_ns: i64, end_ns: i64) -> bool {
        let prune = &self.prune;
        prune.last_start_ns >= start_ns
            && prune.first_start_ns <= end_ns
            && (prune.first_trace_id..=prune.last_trace_id).contains(&trace_id)
    }
}

#[derive(FromRow)]
struct Row {
    level: i16,
    id: i64,
    received_day: i32,
    class: i16,
    #[sqlx(flatten)]
    prune: PruneData,
    operations: Vec<i64>,
    buckets: Option<Vec<Vec<u8>>>,
}

/// The blocks that were listed so far.
#[derive(Debug)]
pub(super) struct BlockList {
    /// Those that may match, newest first by their last start.
    pub blocks: Vec<Arc<BlockInfo>>,
    /// All blocks that may have spans of traces that begin here or later are listed.
    pub covered_from_ns: i64,
    first_ns: i64,
}

impl BlockList {
    /// Nothing listed yet, of the blocks with a span that begins at `first_ns` or later.
    pub(super) const fn new(first_ns: i64) -> Self {
        Self {
            blocks: Vec::new(),
            covered_from_ns: i64::MAX,
            first_ns,
        }
    }

    /// Whether there are no more to list.
    pub(super) const fn is_whole(&self) -> bool {
        self.covered_from_ns <= self.first_ns
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
        let factors: Vec<i64> = plan
            .probes
            .iter()
            .map(|probe| probe.bucket_factor())
            .collect();
        let dictionary = &plan.dictionary;
        let rows: Vec<Row> = sqlx::query_as(include_str!("blocks.sql"))
            .bind(tenant)
            .bind(self.first_ns)
            .bind(last_ns)
            .bind(LISTED)
            .bind(!dictionary.operations.is_empty())
            .bind(!dictionary.resource_ids.is_empty())
            .bind(!dictionary.scope_ids.is_empty())
            .bind(factors)
            .fetch_all(connection)
            .await
            .map_err(read_error)?;
        self.covered_from_ns = if (rows.len() as i64) < LISTED {
            self.first_ns
        } else {
            let starts = rows.iter().map(|row| row.prune.last_start_ns);
            starts.min().unwrap_or(self.first_ns)
        };
        let from = self.blocks.len();
        for row in rows {
            let leaves = Pruner::new(plan, &row).leaves();
            if leaves != 0 {
                self.blocks.push(Arc::new(BlockInfo {
                    level: row.level,
                    id: row.id,
                    received_day: row.received_day,
                    class: row.class,
                    prune: row.prune,
                    operations: row.operations,
                    leaves,
                }));
            }
        }
        self.blocks[from..].sort_unstable_by_key(|block| {
            core::cmp::Reverse((block.prune.last_start_ns, block.id))
        });
        Ok(())
    }

    /// Returns the cost of scanning the blocks that may match a leaf.
    pub(super) fn weight(&self, leaf: usize) -> u64 {
        let matching = self
            .blocks
            .iter()
            .filter(|block| block.leaves >> leaf & 1 == 1);
        matching.map(|block| block.weight()).sum()
    }
}

/// Decides which leaves a block may match.
struct Pruner<'a> {
    plan: &'a ScanPlan,
    row: &'a Row,
    /// Whether the filter may have each probe.
    probes: Vec<bool>,
}

impl<'a> Pruner<'a> {
    fn new(plan: &'a ScanPlan, row: &'a Row) -> Self {
        let mut is_reported = false;
        let probes = plan.probes.iter().enumerate().map(|(at, probe)| {
            let Some(bucket) = row.buckets.as_ref().and_then(|buckets| buckets.get(at)) else {
                return true;
            };
            probe.may_be_in(bucket).unwrap_or_else(|corrupt| {
                if !is_reported {
                    report_corrupt(row.id, &row.prune, corrupt);
                    is_reported = true;
                }
                true
            })
        });
        Self {
            plan,
            row,
            probes: probes.collect(),
        }
    }

    fn leaves(&self) -> LeafBits {
        let leaves = self.plan.leaves.iter().enumerate();
        leaves.fold(0, |bits, (at, leaf)| match leaf {
            Leaf::Span(node) if self.may_match(node) => bits | 1 << at,
            _ => bits,
        })
    }

    fn may_match(&self, node: &Node) -> bool {
        match node {
            Node::And(parts) => parts.iter().all(|part| self.may_match(part)),
            Node::Or(parts) => parts.iter().any(|part| self.may_match(part)),
            Node::Operation(test) => self
                .plan
                .dictionary
                .operation_ids
                .get(*test)
                .is_some_and(|ids| self.row.operations.iter().any(|id| ids.contains(id))),
            Node::Status(2) => self.row.prune.has_error,
            Node::Duration(operator, wanted) => self.may_last(*operator, *wanted),
            Node::Attribute(test) => self.may_have(test),
            // A span id is in no filter; what is negated holds for other spans of the block.
            Node::Not(_) | Node::Status(_) | Node::Message(_) | Node::SpanId(_) => true,
        }
    }

    fn may_last(&self, operator: Comparison, wanted: Number) -> bool {
        let longest_ns = self.row.prune.max_duration_ns;
        match operator {
            Comparison::Eq | Comparison::GreaterEq => wanted
                .cmp_integer(longest_ns)
                .is_some_and(core::cmp::Ordering::is_ge),
            Comparison::Greater => wanted
                .cmp_integer(longest_ns)
                .is_some_and(core::cmp::Ordering::is_gt),
            _ => true,
        }
    }

    fn may_have(&self, test: &AttributeTest) -> bool {
        use throughline_model::AttributeOwner::{Event, Resource, Scope, Span};
        let dictionary = &self.plan.dictionary;
        let prune = &self.row.prune;
        let is_among = |ids: Option<&crate::ids::IdSet>, of: &[i64]| {
            ids.is_some_and(|ids| of.iter().any(|id| ids.contains(id)))
        };
        let may_be_probed = || {
            test.probes.as_ref().is_none_or(|probes| {
                probes
                    .iter()
                    .any(|probe| self.probes.get(*probe).copied().unwrap_or(true))
            })
        };
        (test.is_of(Resource)
            && is_among(dictionary.resource_ids.get(&test.number), &prune.resources))
            || (test.is_of(Scope)
                && is_among(dictionary.scope_ids.get(&test.number), &prune.scopes))
            || ((test.is_of(Span) || test.is_of(Event)) && may_be_probed())
    }
}
