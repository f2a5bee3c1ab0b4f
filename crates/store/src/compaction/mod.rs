//! Compaction: moves the spans of level-0 blocks into larger blocks, sorted by trace, in level 1.
//!
//! A step takes blocks of one tenant, bucket and day, decodes them, merges their spans and replaces
//! the blocks in one transaction: a reader's snapshot has either the old blocks or the new ones. The
//! transaction also adds the spans to the rollups. Spans of a removed trace (ghosts) are dropped. A
//! damaged block is left where it is.

pub(crate) mod exclusive;
mod merge;
mod plan;
mod step;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::time::Instant;

use sqlx::PgConnection;
use throughline_model::RetentionRules;

pub(crate) use merge::{Fate, Fates, Merged, merge};
pub(crate) use step::in_background;

use self::plan::Group;
use crate::rollup;

/// Rounds of one run at most, so that a run ends also when blocks come as fast as they go.
const MAX_ROUNDS: usize = 64;

/// The level-0 blocks that a run takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompactionScope {
    /// Those of groups that are large or old enough.
    Due,
    /// All that were there when the run began.
    Everything,
}

/// The result of a run of compaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CompactionReport {
    /// Level-0 blocks that were replaced.
    pub replaced_blocks: u64,
    /// Level-1 blocks that were written.
    pub written_blocks: u64,
    /// Spans that were moved.
    pub moved_spans: u64,
    /// Spans of removed traces, which were dropped.
    pub dropped_spans: u64,
    /// Blocks that cannot be read and were left; without those of earlier runs.
    pub damaged_blocks: u64,
}

/// Runs compaction; remembers which blocks are damaged.
#[derive(Debug, Default)]
pub(crate) struct Compactor {
    /// Ids of blocks that are damaged and were reported.
    damaged: HashSet<i64>,
    /// The rules that say which spans are too old to be counted in rollups.
    rules: RetentionRules,
}

impl Compactor {
    pub(crate) fn new(rules: RetentionRules) -> Self {
        Self {
            rules,
            ..Self::default()
        }
    }

    /// Compacts level-0 blocks, step by step, then builds the rollups of larger windows. Takes the lock
    /// of [`exclusive`] for each step.
    ///
    /// # Errors
    /// Whatever the database says. Every step is one transaction: what was done stays done.
    pub(crate) async fn run(
        &mut self,
        connection: &mut PgConnection,
        scope: CompactionScope,
    ) -> Result<CompactionReport, sqlx::Error> {
        let mut report = CompactionReport::default();
        let last_id = match scope {
            CompactionScope::Due => i64::MAX,
            CompactionScope::Everything => plan::last_id(connection).await?,
        };
        let mut round = 0;
        while scope == CompactionScope::Everything || round < MAX_ROUNDS {
            let groups = plan::groups(connection, &self.damaged, last_id).await?;
            let block_count: i64 = groups.iter().map(|group| group.block_count).sum();
            metrics::gauge!("throughline_level0_blocks")
                .set(block_count as f64 + self.damaged.len() as f64);
            let before = report;
            for group in groups {
                if scope == CompactionScope::Everything || group.is_due() {
                    self.step(connection, &group, last_id, &mut report).await?;
                }
            }
            // A block that turned out to be damaged is progress as well: it is not taken again.
            if report == before {
                break;
            }
            round += 1;
        }
        exclusive::acquire(connection).await?;
        let built = rollup::build(connection).await;
        let released = exclusive::release(connection).await;
        built?;
        released?;
        Ok(report)
    }

    async fn step(
        &mut self,
        connection: &mut PgConnection,
        group: &Group,
        last_id: i64,
        report: &mut CompactionReport,
    ) -> Result<(), sqlx::Error> {
        let began = Instant::now();
        exclusive::acquire(connection).await?;
        let done = step::run(connection, group, &mut self.damaged, last_id, &self.rules).await;
        let released = exclusive::release(connection).await;
        let done = done?;
        released?;
        metrics::counter!("throughline_compaction_blocks_total").increment(done.replaced_blocks);
        metrics::counter!("throughline_compaction_spans_total").increment(done.moved_spans);
        metrics::histogram!("throughline_compaction_seconds").record(began.elapsed());
        report.replaced_blocks += done.replaced_blocks;
        report.written_blocks += done.written_blocks;
        report.moved_spans += done.moved_spans;
        report.dropped_spans += done.dropped_spans;
        report.damaged_blocks += done.damaged_blocks;
        Ok(())
    }
}
