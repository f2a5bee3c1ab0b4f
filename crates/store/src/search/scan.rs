//! The engine: finds the traces that a plan selects, newest first or oldest first, within a budget of
//! time.
//!
//! Where the blocks that must match are few, all of them are scanned and lead to the traces ("drive").
//! Else the traces are walked in the order of the list, and the blocks that cover them are scanned
//! ("walk"). A block is scanned once. A trace is decided when all blocks that may have spans of it were
//! seen, so that a condition which must not hold, or holds of several spans, is final.

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
use super::rows::{RowKey, RowSelection, TraceRow};
use super::scanner::Scanner;
use super::sources::Sources;

/// Batches of a walk after which it counts as having found too little.
const TIMEOUT: usize = 1;
/// Rows of a batch at most where the log records of each trace are read.
const MOST_ROWS_WITH_LOG_RECORDS: i64 = 5_000;
/// Rows of a batch of a walk at most.
const MOST_ROWS: i64 = 20_000;

/// The limits of a search before it answers with what it has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    pub time: Duration,
    /// Rows of the first batch of a walk.
    pub first_rows: i64,
    /// Spans of the blocks that are read together, nearly.
    pub batch_spans: u64,
    /// Blocks of so many spans are scanned to find the traces, at once or after a walk found too little.
    pub driven_spans: (u64, u64),
    /// Log records that are looked at to find the traces.
    pub log_records: i64,
    /// Blocks that are kept in a list, nearly.
    pub listed_blocks: usize,
}

/// The start and the direction of a search.
#[derive(Debug, Clone, Copy)]
pub(crate) struct From {
    pub direction: Direction,
    pub place: Option<RowKey>,
}

/// The end of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// Everything was looked at.
    Whole,
    /// The caller had enough.
    Full,
    /// The budget was spent; what lies beyond this place was not looked at.
    Stopped(RowKey),
}

/// The end of a search, and the number of its traces in the whole range when that is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    pub end: End,
    pub total: Option<u64>,
}

/// Takes a trace that was found, and says whether the search goes on.
pub(crate) type Sink<'s> = &'s mut (dyn FnMut(&TraceRow, Match) -> bool + Send);

/// The way in which a trace matched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Match {
    /// The leaves that hold.
    pub leaves: LeafBits,
    /// A span that matched.
    pub span: Option<SpanAt>,
}

/// One search in one snapshot.
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
    budget: Budget,
    deadline: Instant,
    /// Whether a trace was decided or a range of time was searched: every request gets on.
    has_progress: bool,
    /// Whether scanning all blocks that must match turned out to be too much.
    drive_failed: bool,
}

impl<'a> Search<'a> {
    /// Prepares a search; the plan must be resolved.
    pub(crate) fn new(
        connection: &'a mut PgConnection,
        selection: RowSelection<'a>,
        plan: Arc<ScanPlan>,
        from: From,
        budget: Budget,
        permits: Arc<ScanPermits>,
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

    /// The names of attributes that were found where any was asked for.
    pub(crate) fn into_names(mut self) -> BTreeSet<String> {
        let mut names = self.sources.take_names();
        names.append(&mut self.results.into_names());
        names
    }

    /// Shows `sink` the traces in the order of the list.
    ///
    /// # Errors
    /// [`ReadError`].
    pub(crate) async fn run(&mut self, sink: Sink<'_>) -> Result<Outcome, ReadError> {
        if self.plan.is_empty() {
            return self.walk(self.selection.from_ns, sink).await;
        }
        self.sources = {
            let (tenant, most) = (self.selection.tenant, self.budget.log_records);
            Sources::read(self.connection, tenant, &self.plan, most).await?
        };
        if self.from.direction == Direction::Before {
            let lower_ns = self.from.place.map_or(i64::MIN, |(start_ns, _)| start_ns);
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
                .place
                .is_some_and(|(start_ns, _)| start_ns < lower_ns)
            {
                // All of it was shown on pages before.
                if self.blocks.is_whole() {
                    return Ok(Outcome::of(End::Whole));
                }
                continue;
            }
            let outcome = self.window(lower_ns, sink).await?;
            if outcome.end != End::Whole || self.blocks.is_whole() {
                return Ok(outcome);
            }
            let end = (lower_ns, Uuid::from_u128(1));
            // A range that an earlier page reached the end of is no progress.
            self.has_progress |= self.from.place != Some(end);
            self.from.place = Some(end);
            if self.is_over() {
                let end = End::Stopped(end);
                return Ok(Outcome { end, total: None });
            }
        }
    }

    /// Lists more blocks; where they are too many, keeps those that lead to few traces.
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

    /// Whether the time is up, be there anything to show or not.
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

    /// The leaves of which one at least must match, and what it costs to find all that do.
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

    /// Searches the traces that begin at `lower_ns` or later, as far as the blocks are listed.
    async fn window(&mut self, lower_ns: i64, sink: Sink<'_>) -> Result<Outcome, ReadError> {
        if let Some((leaves, cost)) = self.cover()
            && cost <= self.budget.driven_spans.0
            && let Some(outcome) = self.drive(leaves, lower_ns, sink).await?
        {
            return Ok(outcome);
        }
        self.walk(lower_ns, sink).await
    }

    async fn walk(&mut self, lower_ns: i64, sink: Sink<'_>) -> Result<Outcome, ReadError> {
        let mut limit = self.budget.first_rows;
        let most = if self.sources.asks_log_records(&self.plan) {
            MOST_ROWS_WITH_LOG_RECORDS
        } else {
            MOST_ROWS
        };
        for batch in 1.. {
            let from = (self.from.direction, self.from.place);
            let walked = self
                .selection
                .walk(self.connection, &self.plan, from, lower_ns, limit)
                .await?;
            match self.decide(&walked.rows, sink).await? {
                Decided::All => {}
                Decided::Full => return Ok(Outcome::of(End::Full)),
                Decided::Before(row) => {
                    let last = walked.rows.get(row.wrapping_sub(1)).map(TraceRow::place);
                    let last = last.or(self.from.place);
                    return Ok(Outcome::of(last.map_or(End::Whole, End::Stopped)));
                }
            }
            let Some(last) = walked.last else {
                return Ok(Outcome::of(End::Whole));
            };
            self.from.place = Some(last);
            self.has_progress = true;
            if self.is_over() {
                return Ok(Outcome::of(End::Stopped(last)));
            }
            if batch >= TIMEOUT
                && !self.drive_failed
                && let Some((leaves, cost)) = self.cover()
                && cost <= self.budget.driven_spans.1
                && let Some(outcome) = self.drive(leaves, lower_ns, sink).await?
            {
                return Ok(outcome);
            }
            limit = (limit * 4).min(most.max(self.budget.first_rows));
        }
        Ok(Outcome::of(End::Whole))
    }
}

impl Outcome {
    const fn of(end: End) -> Self {
        Self { end, total: None }
    }
}
