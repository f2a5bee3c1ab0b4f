//! Tests that a wrong clock removes no young data and does not stop retention for good.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use throughline_model::{CleanUp, RetentionReport, RetentionRules, StorageGauge};
use throughline_store::testing::no_limit;
use throughline_store::{
    JobKind, LeaderLock, Prune, PruneStep, Retain, Rewrite, Store, StoreError, StoreOptions,
};
use throughline_wire::{TenantId, UnixNanos};

use super::support::{Aged, DAY, tenant};

const HOUR: i64 = UnixNanos::PER_HOUR;
const YEAR: i64 = 365 * DAY;

/// A server on the database of a test, with a clock that the test sets.
struct Server {
    store: Store,
    clock: Arc<AtomicI64>,
}

impl Server {
    /// Starts a server whose clock is ahead of that of the database. It trusts a clock that has not
    /// stepped for `steadiness`.
    fn start(aged: &Aged, ahead_ns: i64, steadiness: Duration) -> Self {
        let clock = Arc::new(AtomicI64::new(aged.fixture.now.get() + ahead_ns));
        let shown = Arc::clone(&clock);
        let store = aged.fixture.database.store_with(StoreOptions {
            clock_steadiness: steadiness,
            ..StoreOptions::new(move || UnixNanos::new(shown.load(Ordering::Relaxed)))
        });
        Self { store, clock }
    }

    fn retain(&self) -> Retain {
        Retain {
            rules: RetentionRules::default(),
            now: UnixNanos::new(self.clock.load(Ordering::Relaxed)),
            trusts_clock: false,
            rewrite: Rewrite::Now,
            is_dry_run: false,
        }
    }

    async fn lead(&self) -> LeaderLock {
        let lead = self.store.try_lead(JobKind::Retain).await.expect("asks");
        lead.expect("nobody else does it")
    }

    /// Runs retention in every way; all ways must agree.
    async fn try_to_run(&self) -> Result<RetentionReport, StoreError> {
        let retention_admin = self.store.retention_admin(
            TenantId::DEFAULT,
            RetentionRules::default(),
            Arc::new(StorageGauge::default),
        );
        let mut refusals = Vec::new();
        for is_dry_run in [true, false] {
            let request = CleanUp {
                older_than_ns: None,
                is_dry_run,
            };
            refusals.push(retention_admin.clean_up(request).await.is_err());
        }
        let once = self.store.retain_once(self.retain(), &no_limit()).await;
        refusals.push(once.is_err());
        let mut lead = self.lead().await;
        let result = lead.retain(self.retain(), &no_limit()).await;
        lead.release().await;
        assert_eq!(refusals, [result.is_err(); 3], "{result:?}");
        let refusal = self.store.retention_refusal().await.expect("reads");
        let report = retention_admin.storage().await.expect("reads");
        assert_eq!(refusal, report.retention_refusal);
        assert_eq!(refusal, result.as_ref().err().map(ToString::to_string));
        result
    }
}

impl Aged {
    /// Returns a fixture with a trace of today, all of whose data was received `hours` from now.
    async fn received(hours: i64, with_spans: bool) -> Self {
        let mut aged = Self::new().await;
        if with_spans {
            aged.trace(0, false).await;
            aged.compact().await;
        }
        aged.event(0, None, 9).await;
        aged.execute(&format!(
            "INSERT INTO services VALUES ('{}', 1, 'shop') ON CONFLICT DO NOTHING;
             UPDATE traces SET received_ns = {received};
             UPDATE events SET received_ns = {received}",
            tenant(),
            received = aged.fixture.now.get() + hours * HOUR,
        ))
        .await;
        aged
    }

    /// Sets the time of the last run that trusted the clock.
    async fn last_run(&self, ahead_ns: i64) {
        self.execute(&format!(
            "UPDATE retention_state SET checked_ns = {}",
            self.fixture.now.get() + ahead_ns
        ))
        .await;
    }
}

const ALWAYS_STEADY: Duration = Duration::ZERO;
const NEVER_STEADY: Duration = Duration::from_hours(1);

#[tokio::test]
async fn nothing_is_removed_if_the_clocks_of_server_and_database_differ_by_hours() {
    let aged = Aged::received(0, true).await;
    let before = aged.stored_spans().await;
    for hours in [-2, 2, 24 * 365] {
        let server = Server::start(&aged, hours * HOUR, ALWAYS_STEADY);
        let error = server.try_to_run().await.expect_err("is refused");
        assert!(matches!(error, StoreError::Clocks(_)), "{error}");
    }
    assert_eq!(aged.stored_spans().await, before);
    let near = Server::start(&aged, -HOUR / 2, ALWAYS_STEADY);
    near.try_to_run().await.expect("is near enough");
}

#[tokio::test]
async fn nothing_is_removed_if_the_newest_data_or_the_last_run_is_hours_away() {
    for (hours, with_spans, is_last_run) in [
        (-9_000, true, false),
        (-2, false, false),
        (-2, true, true),
        (0, true, false),
        (0, true, true),
        (2, true, false),
        (2, false, true),
        (9_000, false, false),
    ] {
        let aged = if is_last_run {
            let aged = Aged::received(0, with_spans).await;
            aged.last_run(hours * HOUR).await;
            aged
        } else {
            Aged::received(hours, with_spans).await
        };
        let run = async |steadiness| {
            let server = Server::start(&aged, 0, steadiness);
            let ran = server.store.retain_once(server.retain(), &no_limit()).await;
            server.store.close().await;
            ran
        };
        let ran = run(NEVER_STEADY).await;
        let is_refused = matches!(ran, Err(StoreError::ClockStep { .. }));
        assert_eq!(is_refused, hours != 0, "{hours} {ran:?}");
        // Nothing was received meanwhile. A clock that is steady is trusted, up to a week.
        let ran = run(ALWAYS_STEADY).await;
        if hours.abs() > 7 * 24 {
            ran.expect_err("is refused");
            aged.last_run(0).await;
        } else {
            ran.expect("runs");
        }
        // Later runs of any server go on from there.
        run(NEVER_STEADY).await.expect("runs");
    }
}

#[tokio::test]
async fn data_that_a_wrong_clock_received_does_not_make_it_trusted() {
    let aged = Aged::received(0, true).await;
    aged.last_run(-YEAR).await;
    let server = Server::start(&aged, 0, NEVER_STEADY);
    server.try_to_run().await.expect_err("is refused");
}

#[tokio::test]
async fn a_clock_that_steps_is_not_trusted_until_an_operator_says_that_it_is_right() {
    let aged = Aged::received(0, true).await;
    let server = Server::start(&aged, 0, NEVER_STEADY);
    server.try_to_run().await.expect("runs");
    aged.last_run(-YEAR).await;
    let error = server.try_to_run().await.expect_err("is refused");
    assert!(error.to_string().contains("--trust-clock"), "{error}");
    let retain = Retain {
        trusts_clock: true,
        ..server.retain()
    };
    server
        .store
        .retain_once(retain, &no_limit())
        .await
        .expect("runs");
    server.try_to_run().await.expect("runs");
}

#[tokio::test]
async fn the_size_budget_frees_no_day_that_is_past_by_a_wrong_clock_only() {
    for is_database_behind in [true, false] {
        let mut aged = Aged::new().await;
        aged.trace(3, false).await;
        let today = aged.trace(0, false).await;
        aged.compact().await;
        let ahead_ns = if is_database_behind {
            YEAR
        } else {
            aged.last_run(-2 * DAY).await;
            0
        };
        let server = Server::start(&aged, ahead_ns, NEVER_STEADY);
        let mut lead = server.lead().await;
        let prune = Prune {
            now: server.retain().now,
            // All that can be pruned must help, so the budget is just used up.
            budget_bytes: server.store.used_bytes().await.expect("reads") * 10 / 9 - (1 << 14),
            free_bytes: u64::MAX,
            rules: RetentionRules::default(),
        };
        let mut steps = Vec::new();
        while let Some(step) = lead.prune(prune).await.expect("prunes") {
            steps.push(step);
            assert!(steps.len() < 10, "{steps:?}");
        }
        assert!(steps.contains(&PruneStep::OldestDay), "{steps:?}");
        assert_eq!(aged.stored_spans().await, [today].into());
    }
}
