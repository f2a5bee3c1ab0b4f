//! The retention job: removes expired data, and the oldest days when the space is running out.

use std::sync::Arc;
use std::time::Duration;

use throughline_model::{BoxFuture, RetentionReport, RetentionRules, StorageLevel};
use throughline_store::{
    Gauge, JobKind, LeaderLock, Prune, PruneStep, Retain, Rewrite, StoreError,
};
use tokio::time::Instant;

use super::job::Job;
use super::storage::StorageWatch;
use crate::clock::Clock;

/// The interval at which the rules are applied, by the monotonic clock.
const RULES_EVERY: Duration = Duration::from_mins(15);

pub(super) struct RetainTask {
    rules: RetentionRules,
    clock: Clock,
    storage: StorageWatch,
    /// The instant at which the rules were last applied.
    applied: Option<Instant>,
    /// True since a run was refused because the clock cannot be trusted.
    is_refused: bool,
}

impl RetainTask {
    pub(super) const fn new(rules: RetentionRules, clock: Clock, storage: StorageWatch) -> Self {
        Self {
            rules,
            clock,
            storage,
            applied: None,
            is_refused: false,
        }
    }

    /// Applies the rules. If the clock cannot be trusted, says so once, and tries it again in the next
    /// run.
    async fn apply_rules(&mut self, lock: &mut LeaderLock) -> Result<(), StoreError> {
        let now = self.clock.now();
        let retain = Retain {
            rules: self.rules,
            now,
            trusts_clock: false,
            rewrite: Rewrite::Settled,
            is_dry_run: false,
        };
        let storage = self.storage.clone();
        let gauge: Gauge = Arc::new(move || storage.gauge());
        let report = match lock.retain(retain, &gauge).await {
            Err(error) if error.is_about_clocks() => {
                if !self.is_refused {
                    tracing::warn!(%error, "retention removes nothing by age");
                }
                self.is_refused = true;
                return Ok(());
            }
            report => report?,
        };
        self.is_refused = false;
        self.applied = Some(Instant::now());
        count(&report);
        lock.note_size(now).await
    }

    /// Makes space until the database is within its budget, or nothing more helps. A full disk makes
    /// no difference: other programs may fill it.
    async fn prune(&mut self, lock: &mut LeaderLock) -> Result<(), StoreError> {
        loop {
            let gauge = self.storage.measure().await;
            let Some(budget_bytes) = gauge.budget_bytes else {
                return Ok(());
            };
            if gauge.budget_level() < StorageLevel::Pruning {
                return Ok(());
            }
            let prune = Prune {
                now: self.clock.now(),
                budget_bytes,
                free_bytes: gauge.copy_bytes(),
                rules: self.rules,
            };
            let Some(step) = lock.prune(prune).await? else {
                return Ok(());
            };
            if step == PruneStep::OldestDay {
                metrics::counter!("throughline_retention_pruned_days_total").increment(1);
                // The rows of the traces of the day take space, too.
                if gauge.may_rewrite() {
                    self.apply_rules(lock).await?;
                }
            }
        }
    }
}

impl Job for RetainTask {
    const KIND: JobKind = JobKind::Retain;
    const PAUSE: Duration = Duration::from_secs(20);

    fn run<'a>(&'a mut self, lock: &'a mut LeaderLock) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let pruned = self.prune(lock).await;
            if is_time(self.applied) && self.storage.gauge().may_rewrite() {
                self.apply_rules(lock).await?;
            }
            pruned?;
            // The database may have restarted.
            lock.check().await
        })
    }
}

/// Returns whether it is time to apply the rules again. A step of the wall clock makes no difference.
fn is_time(applied: Option<Instant>) -> bool {
    applied.is_none_or(|applied| applied.elapsed() >= RULES_EVERY)
}

fn count(report: &RetentionReport) {
    for (rule, removed) in [
        ("ok", report.ok),
        ("error", report.error),
        ("budget", report.budget),
    ] {
        metrics::counter!("throughline_retention_removed_traces_total", "rule" => rule)
            .increment(removed.trace_count);
    }
    let freed = report.freed_bytes();
    metrics::counter!("throughline_retention_freed_bytes_total").increment(freed);
    if !report.partitions.is_empty() || report.ok.trace_count + report.error.trace_count > 0 {
        tracing::info!(
            ok_traces = report.ok.trace_count,
            error_traces = report.error.trace_count,
            budget_traces = report.budget.trace_count,
            partitions = report.partitions.len(),
            freed_bytes = freed,
            "retention removed expired data"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_rules_are_applied_every_15_minutes_of_monotonic_time() {
        assert!(is_time(None));
        let applied = Some(Instant::now());
        tokio::time::advance(RULES_EVERY / 2).await;
        assert!(!is_time(applied));
        tokio::time::advance(RULES_EVERY / 2).await;
        assert!(is_time(applied));
    }
}
