//! The retention job: removes expired data, and the oldest days when the space is running out.

use std::sync::Arc;
use std::time::Duration;

use throughline_model::{BoxFuture, RetentionReport, RetentionRules, StorageLevel};
use throughline_store::{Gauge, JobKind, LeaderLock, Retain, Rewrite, StoreError};
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
        let storage = self.storage.clone();
        let gauge: Gauge = Arc::new(move || storage.gauge());
        let report = lock.retain(retain, &gauge).await?;
        self.applied = Some(now);
        count(&report);
        lock.note_size(now).await
    }

    /// Frees days until there is space or no day is left. Returns whether it freed one.
    async fn prune(&self, lock: &mut LeaderLock) -> Result<bool, StoreError> {
        let mut pruned = false;
        while self.needs_pruning().await? {
            if lock
                .prune_oldest_day(self.clock.now(), self.storage.gauge().copy_bytes())
                .await?
                .is_none()
            {
                tracing::warn!(
                    "the storage budget is nearly used up and retention cannot free an earlier day"
                );
                break;
            }
            metrics::counter!("throughline_retention_pruned_days_total").increment(1);
            pruned = true;
        }
        Ok(pruned)
    }

    async fn needs_pruning(&self) -> Result<bool, StoreError> {
        let gauge = self.storage.measure().await;
        // Without a budget, nothing is removed early.
        Ok(gauge.budget_bytes.is_some() && gauge.level() >= StorageLevel::Pruning)
    }
}

impl Job for RetainTask {
    const KIND: JobKind = JobKind::Retain;
    const PAUSE: Duration = Duration::from_secs(20);

    fn run<'a>(&'a mut self, lock: &'a mut LeaderLock) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            lock.check_clock(self.clock.now()).await?;
            let pruned = self.prune(lock).await?;
            let now = self.clock.now();
            let is_time = self
                .applied
                .is_none_or(|applied| now.since(applied) >= RULES_EVERY_NS);
            if (is_time || pruned) && self.storage.gauge().may_rewrite() {
                self.apply_rules(lock).await?;
            }
            // The database may have restarted.
            lock.check().await
        })
    }
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
