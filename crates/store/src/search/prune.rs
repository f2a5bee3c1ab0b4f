//! Skips blocks that cannot match, by their metadata and filters.

use sqlx::FromRow;
use throughline_model::Comparison;

use super::condition::LeafBits;
use super::number::Number;
use super::plan::{Leaf, ScanPlan};
use super::predicate::{AttributeTest, Node};
use crate::block::checksums::{self, ChecksumRegion};
use crate::block::table::report_corrupt;
use crate::block::{Corrupt, PruneData};

/// A row with the values by which a search prunes a block.
#[derive(FromRow)]
pub(super) struct PruneRow {
    pub level: i16,
    pub id: i64,
    pub received_day: i32,
    pub class: i16,
    #[sqlx(flatten)]
    pub prune: PruneData,
    /// The operations, resources and scopes of the block. `None` if the plan has no tests of them.
    pub operations: Option<Vec<i64>>,
    #[sqlx(rename = "listed_resources")]
    pub resources: Option<Vec<i64>>,
    #[sqlx(rename = "listed_scopes")]
    pub scopes: Option<Vec<i64>>,
    pub checksums: Vec<i32>,
    pub buckets: Option<Vec<Vec<u8>>>,
}

/// Decides which leaves a block may match.
pub(super) struct Pruner<'a> {
    plan: &'a ScanPlan,
    row: &'a PruneRow,
    /// One flag per probe: true if the filter may contain it.
    probes: Vec<bool>,
}

impl<'a> Pruner<'a> {
    /// Creates a pruner for one block. A damaged filter excludes nothing.
    ///
    /// # Errors
    /// Returns [`Corrupt`] if the metadata changed since it was written.
    pub(super) fn new(plan: &'a ScanPlan, row: &'a PruneRow) -> Result<Self, Corrupt> {
        row.prune.verify(&row.checksums)?;
        for (part, ids) in [
            (ChecksumRegion::Resources, &row.resources),
            (ChecksumRegion::Scopes, &row.scopes),
            (ChecksumRegion::Operations, &row.operations),
        ] {
            if let Some(ids) = ids {
                part.verify(&row.checksums, checksums::ids(ids))?;
            }
        }
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
        Ok(Self {
            plan,
            row,
            probes: probes.collect(),
        })
    }

    /// Returns the leaves that the block may match.
    pub(super) fn leaves(&self) -> LeafBits {
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
            Node::Operation(test) => {
                self.plan
                    .dictionary
                    .operation_ids
                    .get(*test)
                    .is_some_and(|ids| {
                        self.row
                            .operations
                            .iter()
                            .flatten()
                            .any(|id| ids.contains(id))
                    })
            }
            Node::Status(2) => self.row.prune.has_error,
            Node::Duration(operator, wanted) => self.may_last(*operator, *wanted),
            Node::Attribute(test) => self.may_have(test),
            // Filters do not contain span IDs. A negated node can hold for other spans of the
            // block.
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
        let is_among = |ids: Option<&crate::ids::IdSet>, of: &Option<Vec<i64>>| {
            ids.is_some_and(|ids| of.iter().flatten().any(|id| ids.contains(id)))
        };
        let may_be_probed = || {
            test.probes.as_ref().is_none_or(|probes| {
                probes
                    .iter()
                    .any(|probe| self.probes.get(*probe).copied().unwrap_or(true))
            })
        };
        (test.is_of(Resource)
            && is_among(
                dictionary.resource_ids.get(&test.number),
                &self.row.resources,
            ))
            || (test.is_of(Scope)
                && is_among(dictionary.scope_ids.get(&test.number), &self.row.scopes))
            || ((test.is_of(Span) || test.is_of(Event)) && may_be_probed())
    }
}
