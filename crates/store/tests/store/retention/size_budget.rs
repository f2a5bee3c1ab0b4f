//! Tests that the size budget removes only what helps, and says what takes the space.

use std::sync::Arc;

use throughline_model::{RetentionRules, RollupWindow, StorageGauge, StorageReport};
use throughline_store::testing::no_limit;
use throughline_store::{Prune, PruneStep, Retain};
use throughline_wire::TenantId;

use super::support::{Aged, DAY, tenant};

const MEGABYTE: u64 = 1 << 20;

impl Aged {
    /// Returns a fixture with small traces of today and of two past days.
    async fn of_three_days() -> Self {
        let mut aged = Self::new().await;
        for days in [5, 3, 0] {
            aged.trace(days, false).await;
        }
        aged.compact().await;
        aged
    }

    /// Stores events of a past day that take about 10 MB.
    async fn large_day(&self, days_ago: i64) {
        self.event(days_ago, None, 9).await;
        let at_ns = self.noon.saturating_add(-days_ago * DAY).get();
        self.execute(&format!(
            "INSERT INTO events
                 (tenant_id, at_ns, received_ns, digest, resource_id, scope_id, severity, message)
             SELECT '{}', {at_ns}, {at_ns}, 1000 + i, 1, 1, 9, repeat(md5(i::text), 30)
             FROM generate_series(1, 10000) AS i",
            tenant()
        ))
        .await;
    }

    /// Stores this many rows of rollups of windows of `seconds` that began `days_ago`.
    async fn rollups(&self, seconds: i32, days_ago: i64, rows: u32) {
        let start_ns = (self.noon.get() - days_ago * DAY).div_euclid(DAY) * DAY;
        self.execute(&format!(
            "INSERT INTO rollups
                 (tenant_id, operation_id, start_ns, span_count, error_count, max_ns,
                  window_seconds, sketch)
             SELECT '{}', i, {start_ns}, 1, 0, 1, {seconds}, '\\x010000' FROM generate_series(1, {rows}) AS i",
            tenant()
        ))
        .await;
    }

    async fn windows(&self, seconds: i32) -> bool {
        let sql: &'static str = match seconds {
            900 => "SELECT count(*) FROM rollups WHERE window_seconds = 900",
            3600 => "SELECT count(*) FROM rollups WHERE window_seconds = 3600",
            _ => "SELECT count(*) FROM rollups WHERE window_seconds = 86400",
        };
        self.fixture.count(sql).await > 1_000
    }

    async fn storage(&self, budget_bytes: u64) -> StorageReport {
        let gauge = StorageGauge {
            budget_bytes: Some(budget_bytes),
            ..StorageGauge::default()
        };
        let rules = RetentionRules::default();
        let store = &self.fixture.store;
        let retention_admin =
            store.retention_admin(TenantId::DEFAULT, rules, Arc::new(move || gauge));
        retention_admin.storage().await.expect("reads")
    }

    /// Returns a budget of which this share is used, free space inside of tables included.
    async fn budget(&self, percent: u64) -> u64 {
        let used = self.storage(u64::MAX).await.gauge.used_bytes;
        used * 100 / percent
    }

    /// Takes steps until none helps; returns them. The rows of the traces of pruned days go too.
    async fn prune(&self, budget_bytes: u64) -> Vec<PruneStep> {
        let mut lead = self.lead().await;
        let mut steps = Vec::new();
        let prune = Prune {
            now: self.noon,
            budget_bytes,
            free_bytes: u64::MAX,
            rules: RetentionRules::default(),
        };
        while let Some(step) = lead.prune(prune).await.expect("prunes") {
            steps.push(step);
            assert!(steps.len() < 20, "{steps:?}");
            if step == PruneStep::OldestDay {
                lead.retain(self.now(), &no_limit()).await.expect("runs");
            }
        }
        lead.release().await;
        steps
    }
}

#[tokio::test]
async fn names_that_never_repeat_cost_no_past_day() {
    let aged = Aged::of_three_days().await;
    aged.execute(&format!(
        "INSERT INTO operations
         SELECT '{}', i, 1, 1, md5(i::text), md5(i::text) FROM generate_series(1, 200000) AS i",
        tenant()
    ))
    .await;
    let before = aged.stored_spans().await;
    for percent in [86, 95, 200] {
        let budget = aged.budget(percent).await;
        assert_eq!(aged.prune(budget).await, [], "{percent}");
        let report = aged.storage(budget).await;
        assert!(report.is_stuck);
        let space = report.space;
        assert!(space.dictionaries_bytes > 20 * MEGABYTE, "{space:?}");
        assert!(space.prunable_bytes < MEGABYTE, "{space:?}");
        let parts = space.parts().iter().map(|(_, bytes)| bytes).sum::<u64>();
        assert_eq!(parts, report.gauge.used_bytes);
    }
    assert_eq!(aged.stored_spans().await, before);
    assert!(!aged.storage(aged.budget(84).await).await.is_stuck);
}

#[tokio::test]
async fn the_space_of_removed_rows_costs_no_past_day() {
    let aged = Aged::of_three_days().await;
    // The last rows stay, so that the file keeps its size.
    aged.execute(&format!(
        "INSERT INTO refused_spans
         SELECT '{}', ('00000000-0000-0000-0000-' || lpad(i::text, 12, '0'))::uuid, 1
         FROM generate_series(1, 300000) AS i;
         DELETE FROM refused_spans WHERE trace_id < '00000000-0000-0000-0000-000000299000'",
        tenant()
    ))
    .await;
    let before = aged.stored_spans().await;
    let budget = aged.budget(95).await;
    for step in aged.prune(budget).await {
        assert_eq!(step, PruneStep::Vacuum);
    }
    let report = aged.storage(budget).await;
    assert!(report.gauge.reusable_bytes > 20 * MEGABYTE, "{report:?}");
    assert!(!report.is_stuck);
    assert_eq!(aged.stored_spans().await, before);
}

#[tokio::test]
async fn full_tables_have_no_reusable_space() {
    let aged = Aged::of_three_days().await;
    aged.execute(&format!(
        "INSERT INTO operations
         SELECT '{0}', i, 1, 1, md5(i::text), md5(i::text) FROM generate_series(1, 100000) AS i;
         INSERT INTO refused_spans
         SELECT '{0}', md5(i::text)::uuid, 1 FROM generate_series(1, 100000) AS i",
        tenant()
    ))
    .await;
    aged.rollups(900, 60, 100_000).await;
    let report = aged.storage(1).await;
    assert!(report.gauge.used_bytes > 40 * MEGABYTE);
    assert_eq!(report.gauge.reusable_bytes, 0, "{:?}", report.space);
}

#[tokio::test]
async fn old_rollups_go_before_any_day_and_the_shortest_windows_first() {
    let aged = Aged::of_three_days().await;
    for seconds in [900, 3_600, 86_400] {
        aged.rollups(seconds, 60, 100_000).await;
        // Longer windows of the time are stored, and a newest one.
        aged.rollups(seconds, 1, 1).await;
    }
    let before = aged.stored_spans().await;
    let quarters = PruneStep::Rollups(RollupWindow::QuarterHour);
    let hours = PruneStep::Rollups(RollupWindow::Hour);
    // The first is enough.
    let budget = aged.budget(86).await;
    let steps = aged.prune(budget).await;
    assert_eq!(steps.first(), Some(&quarters), "{steps:?}");
    assert!(!steps.contains(&hours), "{steps:?}");
    assert!(!aged.windows(900).await && aged.windows(3_600).await);
    // Neither of these is enough, but both are.
    let budget = aged.budget(130).await;
    let steps = aged.prune(budget).await;
    assert!(steps.contains(&hours), "{steps:?}");
    assert!(!aged.windows(3_600).await && aged.windows(86_400).await);
    assert_eq!(aged.stored_spans().await, before);
}

#[tokio::test]
async fn young_rollups_and_windows_whose_longer_windows_are_not_stored_stay() {
    let aged = Aged::new().await;
    aged.rollups(900, 20, 50_000).await;
    aged.rollups(900, 60, 50_000).await;
    let before = aged.fixture.count("SELECT count(*) FROM rollups").await;
    let budget = aged.budget(95).await;
    assert_eq!(aged.prune(budget).await, []);
    // The windows of 60 days ago are in an hour now.
    aged.rollups(3_600, 60, 1).await;
    let steps = aged.prune(budget).await;
    assert_eq!(
        steps.first(),
        Some(&PruneStep::Rollups(RollupWindow::QuarterHour))
    );
    let left = aged.fixture.count("SELECT count(*) FROM rollups").await;
    assert_eq!(left, before - 50_000 + 1);
}

#[tokio::test]
async fn past_days_go_oldest_first_and_no_more_than_needed() {
    let aged = Aged::of_three_days().await;
    for days in [6, 4, 2] {
        aged.large_day(days).await;
    }
    let large_days = async || {
        aged.fixture
            .count("SELECT count(DISTINCT at_ns / 86400000000000) FROM events WHERE digest > 1000")
            .await
    };
    assert_eq!(large_days().await, 3);
    let budget = aged.budget(87).await;
    let steps = aged.prune(budget).await;
    assert!(steps.contains(&PruneStep::OldestDay), "{steps:?}");
    assert_eq!(large_days().await, 2);
    assert_eq!(aged.prune(budget).await, []);
    // All past days are not enough: none goes.
    let budget = aged.budget(1_000).await;
    assert_eq!(aged.prune(budget).await, []);
    assert_eq!(large_days().await, 2);
    assert_eq!(aged.stored_spans().await.len(), 3);
}

#[tokio::test]
async fn a_budget_that_is_used_up_is_pruned_until_ingest_can_resume() {
    let aged = Aged::of_three_days().await;
    aged.large_day(4).await;
    // Without the past days, 87 % of the budget would be used.
    let space = aged.storage(1).await.space;
    let used = aged.storage(1).await.gauge.used_bytes;
    let budget = (used - space.prunable_bytes) * 100 / 87;
    let steps = aged.prune(budget).await;
    assert!(steps.contains(&PruneStep::OldestDay), "{steps:?}");
    let report = aged.storage(budget).await;
    assert!(report.gauge.counted_bytes() < budget / 10 * 9);
}

#[tokio::test]
async fn traces_stay_when_their_day_could_not_be_freed() {
    let mut aged = Aged::new().await;
    let trace_id = aged.trace(5, false).await;
    aged.trace(0, false).await;
    aged.compact().await;
    let mut holder = aged.fixture.database.connection().await;
    let mut lead = aged.lead().await;
    // A reader uses the tables for longer than retention waits.
    sqlx::raw_sql("BEGIN; SELECT count(*) FROM level1_blocks, events, payloads")
        .execute(&mut holder)
        .await
        .expect("reads");
    let pruned = lead.prune_oldest_day(aged.noon, u64::MAX).await;
    assert!(pruned.expect("is postponed").is_none());
    drop(holder);
    lead.release().await;
    let rules = RetentionRules::all(100 * DAY);
    aged.run(Retain {
        rules,
        ..aged.now()
    })
    .await;
    assert!(aged.listed().await.contains(&trace_id));
    assert_eq!(
        aged.fixture
            .trace(trace_id)
            .await
            .completeness
            .pruned_before,
        None
    );
}
