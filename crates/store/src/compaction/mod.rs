//! Compaction: moves the spans of level-0 blocks into larger blocks, sorted by trace, in level 1.
//!
//! A step takes blocks of one tenant, bucket and day, decodes them, merges their spans and replaces
//! the blocks in one transaction: a reader's snapshot has either the old blocks or the new ones.
//! The transaction also adds the spans to the rollups. Spans of a removed trace (ghosts) are
//! dropped. A damaged block stays in level 0.

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

use self::plan::BlockGroup;
use crate::rollup;

/// The most rounds of one run, so that a run ends even when new blocks arrive continuously.
const MAX_ROUNDS: usize = 64;

/// The level-0 blocks that a run compacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompactionScope {
    /// The blocks of groups that are large or old enough.
    Due,
    /// All blocks that existed when the run began.
    Everything,
}

/// The result of a compaction run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CompactionReport {
    /// The number of replaced level-0 blocks.
    pub replaced_blocks: u64,
    /// The number of written level-1 blocks.
    pub written_blocks: u64,
    /// The number of moved spans.
    pub moved_spans: u64,
    /// The number of dropped spans of removed traces.
    pub dropped_spans: u64,
    /// The number of blocks that cannot be read and were left; blocks that earlier runs reported
    /// are not counted again.
    pub damaged_blocks: u64,
}

/// Runs compaction; remembers which blocks are damaged.
#[derive(Debug, Default)]
pub(crate) struct Compactor {
    /// The ids of damaged blocks that were reported.
    damaged: HashSet<i64>,
    /// The retention rules. They decide which spans are too old to be counted in rollups.
    rules: RetentionRules,
}

impl Compactor {
    pub(crate) fn new(rules: RetentionRules) -> Self {
        Self {
            rules,
            ..Self::default()
        }
    }

    /// Compacts level-0 blocks step by step, then builds the rollups of larger windows. Takes the
    /// lock of [`exclusive`] for each step.
    ///
    /// # Errors
    /// Any database error. Every step is one transaction; completed steps stay done.
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
            // A block that turned out to be damaged also counts as progress, because it is not
            // taken again.
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
        group: &BlockGroup,
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
