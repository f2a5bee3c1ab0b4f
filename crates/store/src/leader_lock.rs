//! Leader locks of scheduled jobs. The server that holds the lock of a job does the job, on the
//! connection that holds the lock.

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgConnection;
use sqlx::postgres::PgConnectOptions;

#[cfg(feature = "testing")]
use throughline_model::PartitionChange;
use throughline_model::{RetentionReport, RetentionRules};
use throughline_wire::{TenantId, TraceId, UnixNanos};
use uuid::Uuid;

use crate::compaction::{CompactionReport, CompactionScope, Compactor};
use crate::retention::{
    self, ClockCheck, Damaged, Prune, PruneStep, Pruner, Rewrite, Run, run_lock,
};
use crate::watchdog::Watchdog;
use crate::{
    BlockProgress, ErasureReport, Gauge, StoreError, StoreOptions, advisory_lock, erasure, in_time,
    storage,
};

/// The longest wait for another run of retention to end.
const RUN_TIMEOUT: Duration = Duration::from_secs(10);

/// The parameters of a retention run.
#[derive(Debug, Clone, Copy)]
pub struct Retain {
    /// The retention time of each kind of data.
    pub rules: RetentionRules,
    /// The current time, by the clock of this server.
    pub now: UnixNanos,
    /// True if an operator says that `now` is right. It is not compared with other clocks then.
    pub trusts_clock: bool,
    /// The rule that decides when partitions are rewritten.
    pub rewrite: Rewrite,
    /// True if the run only counts what it would remove.
    pub is_dry_run: bool,
}

/// A scheduled job that one server at a time does for all servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// Compaction: moves spans from the small blocks of commits into larger blocks.
    Compact,
    /// Retention: removes expired data and enforces the size budget.
    Retain,
}

impl JobKind {
    /// Returns the name of the job in logs, in metrics and in the key of its lock.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Compact => "compact",
            Self::Retain => "retain",
        }
    }

    fn lock_name(self) -> String {
        format!("throughline.job.{}", self.as_str())
    }
}

/// The options and parts of a store that all its jobs share.
#[derive(Debug, Clone)]
pub(crate) struct JobOptions {
    pub connect: PgConnectOptions,
    pub rules: RetentionRules,
    pub clock_check: Arc<ClockCheck>,
    /// See [`StoreOptions::job_silence`].
    pub silence: Duration,
}

impl JobOptions {
    pub(crate) fn new(connect: PgConnectOptions, options: &StoreOptions) -> Self {
        let clock_check = ClockCheck::new(options.clock.now(), options.clock_steadiness);
        Self {
            connect,
            rules: options.rules,
            clock_check: Arc::new(clock_check),
            silence: options.job_silence,
        }
    }
}

/// The leader lock of a scheduled job, held as long as the connection lives.
///
/// The database releases the lock when the connection ends for any reason, and the statement that
/// the connection runs ends with it. So two servers never do the same job at the same time.
#[derive(Debug)]
pub struct LeaderLock {
    pub(crate) connection: PgConnection,
    compactor: Compactor,
    damaged: Damaged,
    pruner: Pruner,
    clock_check: Arc<ClockCheck>,
    watchdog: Watchdog,
}

impl LeaderLock {
    /// Waits for the lock. If the future is dropped, the connection ends.
    pub(crate) async fn acquire(options: &JobOptions, job: JobKind) -> Result<Self, StoreError> {
        let mut lock = Self::connect(options, job.as_str()).await?;
        let name = job.lock_name();
        let acquired = advisory_lock::acquire(&mut lock.connection, &name);
        lock.watchdog.watch(acquired).await?;
        Ok(lock)
    }

    /// Tries to acquire the lock; `None` while another server holds it.
    pub(crate) async fn try_acquire(
        options: &JobOptions,
        job: JobKind,
    ) -> Result<Option<Self>, StoreError> {
        let mut lock = Self::connect(options, job.as_str()).await?;
        let name = job.lock_name();
        let acquired = advisory_lock::try_acquire(&mut lock.connection, &name);
        if lock.watchdog.watch(acquired).await? {
            Ok(Some(lock))
        } else {
            lock.release().await;
            Ok(None)
        }
    }

    /// Opens a connection for a run that an operator starts, without the leader lock of a job.
    pub(crate) async fn connect(options: &JobOptions, what: &str) -> Result<Self, StoreError> {
        let named = options
            .connect
            .clone()
            .application_name(&format!("throughline {what}"));
        let mut connection = in_time::connect(&named).await?;
        let watchdog = Watchdog::new(&mut connection, &options.connect, options.silence).await?;
        Ok(Self {
            connection,
            compactor: Compactor::new(options.rules),
            damaged: Damaged::default(),
            pruner: Pruner::default(),
            clock_check: Arc::clone(&options.clock_check),
            watchdog,
        })
    }

    /// Checks that the connection lives, and with it the lock.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the connection is lost: another server may hold the lock now.
    pub async fn check(&mut self) -> Result<(), StoreError> {
        let alive = in_time::ping(&mut self.connection).await;
        if alive.is_err() {
            self.watchdog.terminate().await;
        }
        Ok(alive?)
    }

    /// Releases the lock.
    pub async fn release(self) {
        // When closing fails, the database still releases the lock at the end of the connection.
        in_time::close(self.connection).await;
    }

    /// Moves spans from level-0 blocks into larger blocks, sorted by trace, and counts them in
    /// rollups.
    ///
    /// # Errors
    /// [`StoreError::Database`]. Every step is one transaction; completed steps stay done.
    pub async fn compact(
        &mut self,
        scope: CompactionScope,
    ) -> Result<CompactionReport, StoreError> {
        let compacted = Box::pin(self.compactor.run(&mut self.connection, scope));
        Ok(self.watchdog.watch(compacted).await?)
    }

    /// Removes expired data of every tenant, or counts what would be removed. Copies of kept rows take
    /// at most half of the free space that `gauge` reports.
    ///
    /// # Errors
    /// [`StoreError::Database`]; completed steps stay done and the next run continues after them.
    /// [`StoreError::Busy`]. [`StoreError::Clocks`] and [`StoreError::ClockStep`] if the clock cannot be
    /// trusted: a wrong clock must not cause young data to be removed. [`StoreError::DiskReserve`] when
    /// half of the disk reserve is used.
    pub async fn retain(
        &mut self,
        retain: Retain,
        gauge: &Gauge,
    ) -> Result<RetentionReport, StoreError> {
        let run = Run {
            tenant: None,
            rules: retain.rules,
            now: retain.now,
            trusts_clock: retain.trusts_clock,
            rewrite: retain.rewrite,
            gauge,
        };
        if retain.is_dry_run {
            self.dry_run(run).await
        } else {
            self.run(run).await
        }
    }

    /// Takes one step to keep the database within its size budget; returns it, or `None` if no step is
    /// needed or none helps. The next [`Self::retain`] removes the trace summaries of a pruned day.
    /// Only days are freed that are past by the clock of this server, that of the database, and the time
    /// of the last [`Self::retain`].
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Busy`].
    pub async fn prune(&mut self, prune: Prune) -> Result<Option<PruneStep>, StoreError> {
        let watchdog = self.watchdog.clone();
        let pruned = Box::pin(async {
            self.acquire_run_lock().await?;
            let (connection, damaged) = (&mut self.connection, &mut self.damaged);
            let step = self.pruner.step(connection, &prune, damaged).await;
            self.release_run_lock().await?;
            Ok(step?)
        });
        watchdog.watch(pruned).await
    }

    /// Frees the oldest past day, regardless of the retention rules and of other clocks; returns `None`
    /// when no day can be freed. Copies of pinned traces may use up to `free_bytes`. For tests.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Busy`].
    #[cfg(feature = "testing")]
    pub async fn prune_oldest_day(
        &mut self,
        now: UnixNanos,
        free_bytes: u64,
    ) -> Result<Option<Vec<PartitionChange>>, StoreError> {
        let watchdog = self.watchdog.clone();
        let pruned = Box::pin(async {
            self.acquire_run_lock().await?;
            let (connection, damaged) = (&mut self.connection, &mut self.damaged);
            let changes = retention::prune_oldest_day(connection, now, free_bytes, damaged).await;
            self.release_run_lock().await?;
            Ok(changes?)
        });
        watchdog.watch(pruned).await
    }

    /// Erases traces of `tenant` regardless of the retention rules, or counts what would be erased;
    /// calls `progress` after every few blocks. Stops when `gauge` reports that the disk reserve is
    /// reached.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::DiskReserve`], [`StoreError::Busy`]. Completed steps
    /// stay done; another call continues after them.
    pub(crate) async fn erase(
        &mut self,
        tenant: TenantId,
        trace_ids: &[TraceId],
        is_dry_run: bool,
        gauge: &Gauge,
        progress: impl FnMut(BlockProgress),
    ) -> Result<ErasureReport, StoreError> {
        let tenant = Uuid::from_bytes(tenant.to_bytes());
        let ids = trace_ids.iter().map(|id| Uuid::from_bytes(id.to_bytes()));
        let ids: Vec<Uuid> = ids.collect();
        let connection = &mut self.connection;
        if is_dry_run {
            let counted = Box::pin(erasure::dry_run(connection, tenant, &ids));
            return Ok(self.watchdog.watch(counted).await?);
        }
        let damaged = &mut self.damaged;
        let erased = erasure::erase(connection, tenant, &ids, gauge, damaged, progress);
        self.watchdog.watch(Box::pin(erased)).await
    }

    /// Records the size of the database for the day of `now`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn note_size(&mut self, now: UnixNanos) -> Result<(), StoreError> {
        let noted = storage::note_size(&mut self.connection, now);
        Ok(self.watchdog.watch(noted).await?)
    }

    /// Checks the clock and the disk, and removes expired data.
    pub(crate) async fn run(&mut self, run: Run<'_>) -> Result<RetentionReport, StoreError> {
        let run = self.checked(run).await?;
        if !(run.gauge)().may_rewrite() {
            return Err(StoreError::DiskReserve);
        }
        let watchdog = self.watchdog.clone();
        let done = Box::pin(async {
            self.acquire_run_lock().await?;
            let report = retention::run(
                &mut self.connection,
                &mut self.compactor,
                &mut self.damaged,
                run,
            )
            .await;
            self.release_run_lock().await?;
            Ok(report?)
        });
        watchdog.watch(done).await
    }

    /// Checks the clock and counts expired data.
    pub(crate) async fn dry_run(&mut self, run: Run<'_>) -> Result<RetentionReport, StoreError> {
        let run = self.checked(run).await?;
        let counted = Box::pin(retention::dry_run(&mut self.connection, run));
        Ok(self.watchdog.watch(counted).await?)
    }

    /// Returns the run with the time by which data may be removed.
    async fn checked<'a>(&mut self, run: Run<'a>) -> Result<Run<'a>, StoreError> {
        let connection = &mut self.connection;
        if run.trusts_clock {
            let noted = retention::note_trusted(connection, run.now);
            self.watchdog.watch(noted).await?;
            return Ok(run);
        }
        let checked = self.clock_check.check(connection, run.now);
        let now = self.watchdog.watch(checked).await?;
        Ok(Run { now, ..run })
    }

    /// Acquires the lock that every run which removes data holds, scheduled or started by hand.
    async fn acquire_run_lock(&mut self) -> Result<(), StoreError> {
        if run_lock::acquire(&mut self.connection, RUN_TIMEOUT).await? {
            Ok(())
        } else {
            Err(StoreError::Busy)
        }
    }

    async fn release_run_lock(&mut self) -> Result<(), StoreError> {
        Ok(run_lock::release(&mut self.connection).await?)
    }
}
