//! The drive access path: finds the traces by scanning the blocks that can match.

use std::collections::HashSet;
use std::sync::Arc;

use throughline_model::{Direction, ReadError};
use uuid::Uuid;

use super::decide::Decided;
use super::{End, Search, SearchOutcome, Sink};
use crate::search::condition::LeafBits;
use crate::search::trace_row::TraceRow;

/// The maximum number of traces that the drive path looks up.
const MOST_TRACES: usize = 50_000;

impl Search<'_> {
    /// Scans all blocks that may match one of `leaves`, looks up the traces that do, and calls
    /// `sink` for the selected ones that start at `lower_ns` or later.
    ///
    /// Returns `None` if this is over the limits. If the time budget is spent, the result covers
    /// only the newest part of the range.
    pub(super) async fn drive(
        &mut self,
        leaves: LeafBits,
        lower_ns: i64,
        sink: Sink<'_>,
    ) -> Result<Option<SearchOutcome>, ReadError> {
        let todo: Vec<_> = self
            .blocks
            .blocks
            .iter()
            .filter(|block| block.leaves & leaves != 0 && !self.results.has(block))
            .map(Arc::clone)
            .collect();
        let mut rest = todo.as_slice();
        let mut complete_from_ns = lower_ns;
        while let Some(next) = rest.first() {
            if self.is_late() && rest.len() < todo.len() {
                // Blocks come in descending order of their last start. So the scanned blocks hold
                // every match that starts after the last start of the next block.
                complete_from_ns = next.prune.last_start_ns.saturating_add(1).max(lower_ns);
                break;
            }
            let (batch, after) = rest.split_at(self.scanner.batch_len(rest));
            self.scan(batch, None).await?;
            rest = after;
            if self.results.len() > MOST_TRACES {
                self.drive_failed = true;
                return Ok(None);
            }
        }
        let is_complete = rest.is_empty();
        if !is_complete && !self.gets_to(complete_from_ns) {
            self.drive_failed = true;
            return Ok(None);
        }
        let mut ids: HashSet<Uuid> = self.results.traces(leaves).collect();
        for (leaf, _) in self.plan.sources() {
            if leaves >> leaf & 1 == 1 {
                ids.extend(self.sources.traces(leaf));
            }
        }
        if ids.len() > MOST_TRACES {
            self.drive_failed = true;
            return Ok(None);
        }
        let rows = self.look_up(ids, complete_from_ns).await?;
        let beyond: Vec<TraceRow> = rows
            .iter()
            .filter(|row| self.is_beyond(row))
            .cloned()
            .collect();
        let decided = self.decide(&beyond, sink).await?;
        let end = match decided {
            Decided::Full => End::Full,
            Decided::Before(row) => match beyond.get(row.wrapping_sub(1)) {
                Some(last) => End::Stopped(last.row_key()),
                // Unreachable: the first row is always decided.
                None => return Ok(None),
            },
            Decided::All if is_complete => End::Whole,
            Decided::All => {
                self.has_progress = true;
                End::Stopped((complete_from_ns, Uuid::from_u128(1)))
            }
        };
        let is_all = is_complete && self.blocks.is_whole() && !matches!(end, End::Stopped(_));
        let total = if is_all && lower_ns <= self.selection.from_ns {
            self.count(&rows, self.budget.driven_spans.0).await?
        } else {
            None
        };
        Ok(Some(SearchOutcome { end, total }))
    }

    /// Returns true if a partial result that ends at this time makes progress.
    fn gets_to(&self, instant_ns: i64) -> bool {
        let begins_ns = match self.from.position {
            Some((start_ns, _)) => start_ns,
            None => self.selection.to_ns,
        };
        self.from.direction == Direction::After && instant_ns < begins_ns
    }

    async fn look_up(
        &mut self,
        ids: HashSet<Uuid>,
        lower_ns: i64,
    ) -> Result<Vec<TraceRow>, ReadError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ids = ids.into_iter().collect();
        let mut rows = self
            .selection
            .found(self.connection, &self.plan, ids, lower_ns)
            .await?;
        rows.sort_unstable_by_key(TraceRow::row_key);
        if self.from.direction == Direction::After {
            rows.reverse();
        }
        Ok(rows)
    }

    /// Returns true if a row is after the start position of the search.
    fn is_beyond(&self, row: &TraceRow) -> bool {
        self.from
            .position
            .is_none_or(|position| match self.from.direction {
                Direction::After => row.row_key() < position,
                Direction::Before => row.row_key() > position,
            })
    }
}
