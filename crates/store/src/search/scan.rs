//! The search engine. It finds the traces that a plan selects, in ascending or descending order of
//! start, within a time budget.
//!
//! It has two access paths:
//!
//! - Drive: if few blocks can match, the search scans all of them, takes the traces that match, and
//!   looks up their rows.
//! - Walk: else it reads the rows of traces in the order of the list, and scans the blocks that may
//!   have spans of them.
//!
//! A block is scanned once. A trace is decided only after all blocks that may have spans of it are
//! scanned. Only then is the result final for a negated condition, or for a condition over several
//! spans.

mod decide;
mod drive;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sqlx::PgConnection;
use throughline_model::{Direction, ReadError};
use tokio::time::Instant;
use uuid::Uuid;

use self::decide::Decided;
use super::blocks::BlockList;
use super::condition::LeafBits;
use super::permits::ScanPermits;
use super::plan::ScanPlan;
use super::results::{Results, SpanAt};
use super::rows::RowSelection;
use super::scanner::Scanner;
use super::sources::Sources;
use super::trace_row::{RowKey, TraceRow};

/// The number of batches of a walk after which the search tries the drive path again.
const POOR_BATCHES: usize = 1;
/// The maximum number of rows in a batch if the search reads the log records of each trace.
const MOST_ROWS_WITH_LOG_RECORDS: i64 = 5_000;
/// The maximum number of rows in a batch of a walk.
const MOST_ROWS: i64 = 20_000;

/// The limits of a search. It returns a partial result when the time budget is spent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SearchBudget {
    pub time: Duration,
    /// The number of rows in the first batch of a walk.
    pub first_rows: i64,
    /// The approximate number of spans in the blocks that are read together.
    pub batch_spans: u64,
    /// The limits of the drive path in spans: the first applies before a walk, the second after the
    /// first batch of a walk.
    pub driven_spans: (u64, u64),
    /// The maximum number of log records that a search reads to find traces.
    pub log_records: i64,
    /// The approximate maximum number of blocks in the list of a search.
    pub listed_blocks: usize,
}

/// The limits of a search and of all searches of the process.
#[derive(Debug, Clone)]
pub(crate) struct SearchLimits {
    pub budget: SearchBudget,
    pub permits: Arc<ScanPermits>,
}

/// The start and the direction of a search.
#[derive(Debug, Clone, Copy)]
pub(crate) struct From {
    pub direction: Direction,
    pub position: Option<RowKey>,
}

/// The reason why a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The search reached the end of the range.
    Whole,
    /// The sink stopped the search.
    Full,
    /// The time budget was spent. The search did not look beyond this row.
    Stopped(RowKey),
}

/// The end of a search, and the number of traces in the whole range if it is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SearchOutcome {
    pub end: End,
    pub total: Option<u64>,
}

/// A callback that receives each trace that was found. Returns false to stop the search.
pub(crate) type Sink<'s> = &'s mut (dyn FnMut(&TraceRow, Match) -> bool + Send);

/// The leaves and the span by which a trace matched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Match {
    /// The leaves that hold.
    pub leaves: LeafBits,
    /// A span that matched.
    pub span: Option<SpanAt>,
}

/// A search in one snapshot of the database.
pub(crate) struct Search<'a> {
    pub(super) connection: &'a mut PgConnection,
    pub(super) selection: RowSelection<'a>,
    plan: Arc<ScanPlan>,
    from: From,
    pub(super) blocks: BlockList,
    results: Results,
    scanner: Scanner,
    pub(super) sources: Sources,
    positive: LeafBits,
    budget: SearchBudget,
    deadline: Instant,
    /// True if this request decided a trace or searched a time range. Every request makes this
    /// progress even if it is over its time budget, so that a client that pages on reaches the end.
    has_progress: bool,
    /// True if the drive path was tried and was over its limits.
    drive_failed: bool,
}

impl<'a> Search<'a> {
    /// Creates a search. The plan must be resolved.
    pub(crate) fn new(
        connection: &'a mut PgConnection,
        selection: RowSelection<'a>,
        plan: Arc<ScanPlan>,
        from: From,
        SearchLimits { budget, permits }: SearchLimits,
    ) -> Self {
        Self {
            connection,
            selection,
            blocks: BlockList::new(selection.from_ns, budget.listed_blocks),
            results: Results::default(),
            scanner: Scanner::new(
                selection.tenant,
                Arc::clone(&plan),
                budget.batch_spans,
                permits,
            ),
            sources: Sources::default(),
            positive: plan.condition.positive(),
            plan,
            from,
            budget,
            deadline: Instant::now() + budget.time,
            has_progress: false,
            drive_failed: false,
        }
    }

    /// Returns the attribute names that tests of any attribute found.
    pub(crate) fn into_names(mut self) -> BTreeSet<String> {
        let mut names = self.sources.take_names();
        names.append(&mut self.results.into_names());
        names
    }

    /// Calls `sink` for the traces in the order of the list.
    ///
    /// # Errors
    /// Returns the [`ReadError`] of a statement.
    pub(crate) async fn run(&mut self, sink: Sink<'_>) -> Result<SearchOutcome, ReadError> {
        if self.plan.is_empty() {
            return self.walk(self.selection.from_ns, sink).await;
        }
        self.sources = {
            let (tenant, most) = (self.selection.tenant, self.budget.log_records);
            Sources::read(self.connection, tenant, &self.plan, most).await?
        };
        if self.from.direction == Direction::Before {
            let lower_ns = self
                .from
                .position
                .map_or(i64::MIN, |(start_ns, _)| start_ns);
            while !self.blocks.is_whole() && self.blocks.covered_from_ns > lower_ns {
                self.extend().await?;
            }
            return self.window(self.selection.from_ns, sink).await;
        }
        loop {
            self.extend().await?;
            let lower_ns = self.blocks.covered_from_ns.max(self.selection.from_ns);
            if self
                .from
                .position
                .is_some_and(|(start_ns, _)| start_ns < lower_ns)
            {
                // Earlier pages returned all traces.
                if self.blocks.is_whole() {
                    return Ok(SearchOutcome::of(End::Whole));
                }
                continue;
            }
            let outcome = self.window(lower_ns, sink).await?;
            if outcome.end != End::Whole || self.blocks.is_whole() {
                return Ok(outcome);
            }
            let end = (lower_ns, Uuid::from_u128(1));
            // No progress if an earlier page already reached the end of this range.
            self.has_progress |= self.from.position != Some(end);
            self.from.position = Some(end);
            if self.is_over() {
                let end = End::Stopped(end);
                return Ok(SearchOutcome { end, total: None });
            }
        }
    }

    /// Lists more blocks. Over the limit, keeps only the blocks of the cheapest leaves of which one
    /// must match, and only if scanning them is within the limit of the drive path. Else it keeps
    /// none.
    async fn extend(&mut self) -> Result<(), ReadError> {
        let tenant = self.selection.tenant;
        self.blocks
            .extend(self.connection, tenant, &self.plan)
            .await?;
        if self.blocks.is_too_long() {
            let (leaves, cost) = self.cover().unwrap_or((0, u64::MAX));
            let leads = cost <= self.budget.driven_spans.1 && leaves & self.plan.span_leaves() != 0;
            self.blocks.keep(if leads { leaves } else { 0 });
        }
        Ok(())
    }

    /// Returns true if the time budget is spent, even if the search made no progress.
    fn is_late(&self) -> bool {
        Instant::now() >= self.deadline
    }

    fn is_over(&self) -> bool {
        self.has_progress && self.is_late()
    }

    /// Returns the cost of finding all traces that match a leaf, in spans.
    fn cost(&self, leaf: usize) -> u64 {
        let cost = self.sources.cost(leaf);
        cost.unwrap_or_else(|| self.blocks.cost(leaf))
    }

    fn weight_of_all(&self, leaves: LeafBits) -> u64 {
        (0..self.plan.leaves.len())
            .filter(|leaf| leaves >> leaf & 1 == 1)
            .fold(0, |sum, leaf| self.cost(leaf).saturating_add(sum))
    }

    /// Returns the cheapest set of leaves of which at least one must match, with the cost of
    /// finding all traces that match one.
    fn cover(&self) -> Option<(LeafBits, u64)> {
        let cost = |leaf: usize| self.cost(leaf);
        let implied = self
            .plan
            .implied
            .iter()
            .map(|&leaves| (leaves, self.weight_of_all(leaves)));
        let cover = self.plan.condition.cover(&cost);
        implied.chain(cover).min_by_key(|(_, cost)| *cost)
    }

    /// Searches the traces that start at `lower_ns` or later. The blocks from there on must be
    /// listed.
    async fn window(&mut self, lower_ns: i64, sink: Sink<'_>) -> Result<SearchOutcome, ReadError> {
        if let Some((leaves, cost)) = self.cover()
            && cost <= self.budget.driven_spans.0
            && let Some(outcome) = self.drive(leaves, lower_ns, sink).await?
        {
            return Ok(outcome);
        }
        self.walk(lower_ns, sink).await
    }

    async fn walk(&mut self, lower_ns: i64, sink: Sink<'_>) -> Result<SearchOutcome, ReadError> {
        let mut limit = self.budget.first_rows;
        let most = if self.sources.asks_log_records(&self.plan) {
            MOST_ROWS_WITH_LOG_RECORDS
        } else {
            MOST_ROWS
        };
        for batch in 1.. {
            let from = (self.from.direction, self.from.position);
            let walked = self
                .selection
                .walk(self.connection, &self.plan, from, lower_ns, limit)
                .await?;
            match self.decide(&walked.rows, sink).await? {
                Decided::All => {}
                Decided::Full => return Ok(SearchOutcome::of(End::Full)),
                Decided::Before(row) => {
                    let last = walked.rows.get(row.wrapping_sub(1)).map(TraceRow::row_key);
                    let last = last.or(self.from.position);
                    return Ok(SearchOutcome::of(last.map_or(End::Whole, End::Stopped)));
                }
            }
            let Some(last) = walked.last else {
                return Ok(SearchOutcome::of(End::Whole));
            };
            self.from.position = Some(last);
            self.has_progress = true;
            if self.is_over() {
                return Ok(SearchOutcome::of(End::Stopped(last)));
            }
            if batch >= POOR_BATCHES
                && !self.drive_failed
                && let Some((leaves, cost)) = self.cover()
                && cost <= self.budget.driven_spans.1
                && let Some(outcome) = self.drive(leaves, lower_ns, sink).await?
            {
                return Ok(outcome);
            }
            limit = (limit * 4).min(most.max(self.budget.first_rows));
        }
        Ok(SearchOutcome::of(End::Whole))
    }
}

impl SearchOutcome {
    const fn of(end: End) -> Self {
        Self { end, total: None }
    }
}
