//! The retention job: removes expired data, and the oldest days when the space is running out.

use std::time::Duration;

use throughline_model::{BoxFuture, RetentionReport, RetentionRules, StorageGauge, StorageLevel};
use throughline_store::{JobKind, LeaderLock, Prune, PruneStep, Retain, Rewrite, StoreError};
use throughline_wire::UnixNanos;

use super::job::Job;
use super::storage::StorageWatch;
use crate::clock::Clock;

/// The interval at which the rules are applied.
const RULES_EVERY_NS: i64 = 15 * UnixNanos::PER_MINUTE;

pub(super) struct RetainTask {
    rules: RetentionRules,
    clock: Clock,
    storage: StorageWatch,
    /// The time at which the rules were last applied.
    applied: Option<UnixNanos>,
}

impl RetainTask {
    pub(super) const fn new(rules: RetentionRules, clock: Clock, storage: StorageWatch) -> Self {
        Self {
            rules,
            clock,
            storage,
            applied: None,
        }
    }

    async fn apply_rules(&mut self, lock: &mut LeaderLock) -> Result<(), StoreError> {
        let now = self.clock.now();
        let retain = Retain {
            rules: self.rules,
            now,
            rewrite: Rewrite::Settled,
            is_dry_run: false,
        };
        let report = lock.retain(retain).await?;
        self.applied = Some(now);
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
                // Copies may take half of the free space.
                free_bytes: gauge.free_bytes.map_or(u64::MAX, |free| free / 2),
                rules: self.rules,
            };
            let Some(step) = lock.prune(prune).await? else {
                return Ok(());
            };
            if step == PruneStep::OldestDay {
                metrics::counter!("throughline_retention_pruned_days_total").increment(1);
                // The rows of the traces of the day take space, too.
                if may_delete_rows(&gauge) {
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
            lock.check_clock(self.clock.now()).await?;
            self.prune(lock).await?;
            let now = self.clock.now();
            let is_time = self
                .applied
                .is_none_or(|applied| now.since(applied) >= RULES_EVERY_NS);
            if is_time && may_delete_rows(&self.storage.gauge()) {
                self.apply_rules(lock).await?;
            }
            // The database may have restarted.
            lock.check().await
        })
    }
}

/// Returns whether half of the disk reserve is free. Deleting rows needs space, because Postgres
/// writes to the WAL first. Ingest stops when the whole reserve is reached, so retention can still
/// free a full disk.
fn may_delete_rows(gauge: &StorageGauge) -> bool {
    gauge
        .free_bytes
        .is_none_or(|free| free >= gauge.reserve_bytes / 2)
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

    #[test]
    fn retention_runs_on_a_full_disk_until_half_of_the_reserve_is_used() {
        let gauge = |free| StorageGauge {
            used_bytes: 1 << 40,
            reusable_bytes: 0,
            budget_bytes: None,
            free_bytes: free,
            reserve_bytes: 1_000,
        };
        assert_eq!(gauge(Some(999)).level(), StorageLevel::Full);
        assert!(may_delete_rows(&gauge(Some(999))));
        assert!(!may_delete_rows(&gauge(Some(499))));
        assert!(may_delete_rows(&gauge(None)));
    }
}
