//! Decides which traces match, in the order of the list.

use core::cmp::Reverse;
use std::collections::HashSet;
use std::sync::Arc;

use throughline_model::ReadError;

use super::{Match, Search, Sink};
use crate::search::blocks::{self, BlockInfo, BlockRange};
use crate::search::condition::LeafBits;
use crate::search::plan::TraceSource;
use crate::search::trace_row::TraceRow;

/// The number of rows for which blocks are listed together.
const LISTED_FOR: usize = 1_000;

/// The number of rows that were decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decided {
    All,
    /// The sink stopped the search.
    Full,
    /// The time budget was spent before this row.
    Before(usize),
}

impl Search<'_> {
    /// Calls `sink` for each row that matches.
    ///
    /// If the block list is complete, the search takes the needed blocks from it. Else it lists the
    /// blocks for groups of rows.
    pub(super) async fn decide(
        &mut self,
        rows: &[TraceRow],
        sink: Sink<'_>,
    ) -> Result<Decided, ReadError> {
        let (tenant, plan) = (self.selection.tenant, Arc::clone(&self.plan));
        self.sources
            .read_log_records(self.connection, tenant, &plan, rows)
            .await?;
        let is_listed = self.blocks.keeps(self.checked());
        let mut at = 0;
        while at < rows.len() {
            self.results.bound();
            let end = if is_listed {
                let (end, needed) = self.needed(rows, at);
                if !needed.is_empty() {
                    if self.is_over() {
                        return Ok(Decided::Before(at));
                    }
                    self.scan(&needed, rows.get(at..end)).await?;
                }
                end
            } else {
                if self.is_over() {
                    return Ok(Decided::Before(at));
                }
                let end = rows.len().min(at + LISTED_FOR);
                let listed_for = rows.get(at..end).unwrap_or_default();
                let scanned_for = self.list_and_scan(listed_for).await?;
                if scanned_for == 0 {
                    return Ok(Decided::Before(at));
                }
                at + scanned_for
            };
            for row in rows.get(at..end).unwrap_or_default() {
                self.has_progress = true;
                if let Some(matched) = self.matched(row)
                    && !sink(row, matched)
                {
                    return Ok(Decided::Full);
                }
            }
            at = end;
        }
        Ok(Decided::All)
    }

    /// Lists the blocks that may have spans of these rows, page by page, and scans them, newest
    /// first.
    ///
    /// Returns the number of leading rows whose blocks are all scanned. It is less than all rows if
    /// the time budget is spent. If the request has made no progress yet, it still scans the blocks
    /// of the first row.
    async fn list_and_scan(&mut self, mut rows: &[TraceRow]) -> Result<usize, ReadError> {
        let mut last_ns = Some(i64::MAX);
        while let Some(end_ns) = last_ns {
            let mut needed;
            (needed, last_ns) = self.list_for(rows, end_ns).await?;
            loop {
                let after = needed.split_off(self.scanner.batch_len(&needed));
                self.scan(&needed, Some(rows)).await?;
                needed = after;
                if self.is_late() {
                    // Blocks come in descending order of their last start. A row that starts after
                    // the last start of the next block has no spans in the remaining blocks.
                    let next = needed.first().map(|block| block.prune.last_start_ns);
                    let unseen_ns = next.or(last_ns);
                    let is_seen = |row: &&TraceRow| unseen_ns.is_none_or(|at| row.start_ns > at);
                    let seen = rows.iter().take_while(is_seen).count();
                    if seen > 0 || self.has_progress {
                        return Ok(seen);
                    }
                    rows = rows.get(..1).unwrap_or_default();
                    needed.retain(|block| rows.iter().any(|row| block.may_have_spans_of(row)));
                }
                if needed.is_empty() {
                    break;
                }
            }
        }
        Ok(rows.len())
    }

    /// Lists one page of the blocks that may have spans of these rows and are not scanned yet,
    /// newest first.
    ///
    /// Returns the highest last start that blocks on the next page can have. Returns `None` if
    /// there is no next page.
    async fn list_for(
        &mut self,
        rows: &[TraceRow],
        end_ns: i64,
    ) -> Result<(Vec<Arc<BlockInfo>>, Option<i64>), ReadError> {
        let plan = Arc::clone(&self.plan);
        let checked = self.checked();
        let starts = rows.iter().map(|row| row.start_ns);
        let ends = rows.iter().map(|row| row.end_ns);
        let (Some(first_ns), Some(begun_ns)) = (starts.min(), ends.max()) else {
            return Ok((Vec::new(), None));
        };
        let range = BlockRange {
            last_starts_ns: first_ns..=end_ns,
            begun_ns,
        };
        let mut needed = Vec::new();
        let take = |block: BlockInfo| {
            if block.leaves & checked != 0
                && !self.results.has(&block)
                && rows.iter().any(|row| block.may_have_spans_of(row))
            {
                needed.push(Arc::new(block));
            }
        };
        let wanted = (range, self.budget.listed_blocks);
        let tenant = self.selection.tenant;
        let lowest_ns = blocks::page(self.connection, tenant, &plan, wanted, take).await?;
        needed.sort_unstable_by_key(|block: &Arc<BlockInfo>| Reverse(block.prune.last_start_ns));
        Ok((needed, lowest_ns.map(|lowest_ns| lowest_ns - 1)))
    }

    /// Returns the blocks to scan next, and the end of the rows from `at` on that can be decided
    /// after that.
    fn needed(&self, rows: &[TraceRow], at: usize) -> (usize, Vec<Arc<BlockInfo>>) {
        let left = rows.get(at..).unwrap_or_default();
        let first_ns = left
            .iter()
            .map(|row| row.start_ns)
            .min()
            .unwrap_or_default();
        let last_ns = left.iter().map(|row| row.end_ns).max().unwrap_or_default();
        let mut near: Vec<&Arc<BlockInfo>> = self
            .blocks
            .blocks
            .iter()
            .filter(|block| {
                block.leaves & self.checked() != 0
                    && block.prune.last_start_ns >= first_ns
                    && block.prune.first_start_ns <= last_ns
                    && !self.results.has(block)
            })
            .collect();
        let mut needed: Vec<Arc<BlockInfo>> = Vec::new();
        let mut cost = 0;
        for (row, end) in left.iter().zip(at + 1..) {
            if near.is_empty() {
                break;
            }
            near.retain(|block| {
                let is_needed = block.may_have_spans_of(row);
                if is_needed {
                    cost += block.cost();
                    needed.push(Arc::clone(block));
                }
                !is_needed
            });
            if cost >= self.budget.batch_spans {
                return (end, needed);
            }
        }
        (rows.len(), needed)
    }

    /// Returns the leaves that blocks decide and that must be checked.
    pub(super) fn checked(&self) -> LeafBits {
        let implied = self.plan.implied.iter().fold(0, |all, leaves| all | leaves);
        self.plan.span_leaves() & !implied
    }

    /// Scans blocks in batches. With `rows`, it may drop the matches of other traces when memory is
    /// over the limit.
    pub(super) async fn scan(
        &mut self,
        blocks: &[Arc<BlockInfo>],
        rows: Option<&[TraceRow]>,
    ) -> Result<(), ReadError> {
        let mut rest = blocks;
        while !rest.is_empty() {
            let (batch, after) = rest.split_at(self.scanner.batch_len(rest));
            for (block, hits) in self.scanner.scan(self.connection, batch).await? {
                self.results.add(block, hits);
            }
            for name in self.scanner.take_names() {
                self.results.name(name);
            }
            if let Some(rows) = rows {
                self.results.bound_to(rows);
            }
            rest = after;
        }
        Ok(())
    }

    /// Returns the match of a trace. All blocks that may have spans of it must be scanned.
    fn matched(&self, row: &TraceRow) -> Option<Match> {
        let (mut leaves, span) = self.results.of(row, self.positive);
        for ((at, source), leads) in self.plan.sources().zip(&row.sources) {
            let leads = match source {
                TraceSource::LogRecord(_) => self.sources.has_log_record(at, row.trace_id),
                _ => *leads,
            };
            leaves |= LeafBits::from(leads) << at;
        }
        let matched = Match { leaves, span };
        self.plan.condition.holds(leaves).then_some(matched)
    }

    /// Returns the number of rows that match. Returns `None` if counting costs more than `most`
    /// spans.
    pub(super) async fn count(
        &mut self,
        rows: &[TraceRow],
        most: u64,
    ) -> Result<Option<u64>, ReadError> {
        if !self.blocks.keeps(self.checked()) || self.sources.asks_log_records(&self.plan) {
            return Ok(None);
        }
        let mut seen = HashSet::new();
        let mut blocks = Vec::new();
        for row in rows {
            for block in &self.blocks.blocks {
                let is_needed = block.leaves & self.checked() != 0
                    && block.may_have_spans_of(row)
                    && !self.results.has(block);
                if is_needed && seen.insert(block.key.id) {
                    blocks.push(Arc::clone(block));
                }
            }
        }
        let cost: u64 = blocks.iter().map(|block| block.cost()).sum();
        if cost > most {
            return Ok(None);
        }
        self.scan(&blocks, None).await?;
        let matching = rows.iter().filter(|row| self.matched(row).is_some());
        Ok(Some(matching.count() as u64))
    }
}
