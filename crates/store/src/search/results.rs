//! The matches of a search. Each block is scanned once, and the matches are stored by trace.

use std::collections::{BTreeSet, HashMap, HashSet};

use uuid::Uuid;

use super::MOST_NAMES;
use super::blocks::{BlockInfo, BlockKey};
use super::condition::LeafBits;
use super::evaluate::Hit;
use super::trace_row::TraceRow;

/// The maximum number of traces with stored matches. Beyond it, matches are dropped, and their
/// blocks are scanned again when needed.
const MOST_TRACES: usize = 200_000;

/// The position of a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct SpanAt {
    pub block: BlockKey,
    pub position: u32,
}

#[derive(Debug, Clone, Copy)]
struct TraceHit {
    block: BlockKey,
    leaves: LeafBits,
    position: u32,
}

/// The matches so far.
#[derive(Debug, Default)]
pub(super) struct Results {
    scanned: HashSet<i64>,
    by_trace: HashMap<Uuid, Vec<TraceHit>>,
    names: BTreeSet<String>,
}

impl Results {
    /// Returns true if a block was scanned.
    pub(super) fn has(&self, block: &BlockInfo) -> bool {
        self.scanned.contains(&block.key.id)
    }

    /// Adds the matches in a block.
    pub(super) fn add(&mut self, block: BlockKey, hits: Vec<Hit>) {
        if self.scanned.insert(block.id) {
            for hit in hits {
                self.by_trace
                    .entry(hit.trace_id)
                    .or_default()
                    .push(TraceHit {
                        block,
                        leaves: hit.leaves,
                        position: hit.position,
                    });
            }
        }
    }

    /// Drops all matches if they are over the limit.
    pub(super) fn bound(&mut self) {
        if self.by_trace.len() > MOST_TRACES {
            self.scanned.clear();
            self.by_trace.clear();
        }
    }

    /// Drops the matches of all traces except these rows, if the matches are over the limit.
    pub(super) fn bound_to(&mut self, rows: &[TraceRow]) {
        if self.by_trace.len() > MOST_TRACES {
            let kept: HashSet<Uuid> = rows.iter().map(|row| row.trace_id).collect();
            self.scanned.clear();
            self.by_trace.retain(|trace_id, _| kept.contains(trace_id));
        }
    }

    /// Adds an attribute name that was found, up to [`MOST_NAMES`].
    pub(super) fn name(&mut self, name: String) {
        if self.names.len() < MOST_NAMES {
            self.names.insert(name);
        }
    }

    pub(super) fn into_names(self) -> BTreeSet<String> {
        self.names
    }

    /// Returns the number of traces that matched.
    pub(super) fn len(&self) -> usize {
        self.by_trace.len()
    }

    /// Returns the traces that matched one of the leaves.
    pub(super) fn traces(&self, leaves: LeafBits) -> impl Iterator<Item = Uuid> {
        self.by_trace
            .iter()
            .filter(move |(_, hits)| hits.iter().any(|hit| hit.leaves & leaves != 0))
            .map(|(trace_id, _)| *trace_id)
    }

    /// Returns the leaves that a trace matched, and a span that matched the first of the `positive`
    /// leaves. Ignores blocks older than the trace: they hold spans of a removed trace with the
    /// same ID.
    pub(super) fn of(&self, row: &TraceRow, positive: LeafBits) -> (LeafBits, Option<SpanAt>) {
        let hits = self.by_trace.get(&row.trace_id).into_iter().flatten();
        let hits = hits.filter(|hit| hit.block.id >= row.first_block_id);
        let mut leaves = 0;
        let mut best: Option<(u32, SpanAt)> = None;
        for hit in hits {
            leaves |= hit.leaves;
            let shown = hit.leaves & positive;
            let rank = shown.trailing_zeros();
            if shown != 0 && best.is_none_or(|(known, _)| rank < known) {
                let at = SpanAt {
                    block: hit.block,
                    position: hit.position,
                };
                best = Some((rank, at));
            }
        }
        (leaves, best.map(|(_, at)| at))
    }
}
