//! Leader locks of scheduled jobs. The server that holds the lock of a job does the job, on the
//! connection that holds the lock.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};

#[cfg(feature = "testing")]
use throughline_model::PartitionChange;
use throughline_model::{RetentionReport, RetentionRules};
use throughline_wire::{TenantId, TraceId, UnixNanos};
use uuid::Uuid;

use crate::compaction::{CompactionReport, CompactionScope, Compactor};
use crate::retention::{
    self, ClockCheck, Damaged, Prune, PruneStep, Pruner, Rewrite, Run, run_lock,
};
use crate::{
    BlockProgress, ErasureReport, Gauge, StoreError, StoreOptions, advisory_lock, erasure, storage,
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

/// The parts of a store that its jobs share.
#[derive(Debug, Clone)]
pub(crate) struct JobOptions {
    pub rules: RetentionRules,
    pub clock_check: Arc<ClockCheck>,
}

impl JobOptions {
    pub(crate) fn new(options: &StoreOptions) -> Self {
        let clock_check = ClockCheck::new(options.clock.now(), options.clock_steadiness);
        Self {
            rules: options.rules,
            clock_check: Arc::new(clock_check),
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
}

impl LeaderLock {
    /// Waits for the lock. If the future is dropped, the connection ends.
    pub(crate) async fn acquire(
        connect: &PgConnectOptions,
        job: JobKind,
        options: JobOptions,
    ) -> Result<Self, StoreError> {
        let mut lock = Self::connect(connect, job.as_str(), options).await?;
        advisory_lock::acquire(&mut lock.connection, &job.lock_name()).await?;
        Ok(lock)
    }

    /// Tries to acquire the lock; `None` while another server holds it.
    pub(crate) async fn try_acquire(
        connect: &PgConnectOptions,
        job: JobKind,
        options: JobOptions,
    ) -> Result<Option<Self>, StoreError> {
        let mut lock = Self::connect(connect, job.as_str(), options).await?;
        if advisory_lock::try_acquire(&mut lock.connection, &job.lock_name()).await? {
            Ok(Some(lock))
        } else {
            lock.release().await;
            Ok(None)
        }
    }

    /// Opens a connection for a run that an operator starts, without the leader lock of a job.
    pub(crate) async fn connect(
        connect: &PgConnectOptions,
        what: &str,
        options: JobOptions,
    ) -> Result<Self, StoreError> {
        let connection = connect
            .clone()
            .application_name(&format!("throughline {what}"))
            .connect()
            .await?;
        Ok(Self {
            connection,
            compactor: Compactor::new(options.rules),
            damaged: Damaged::default(),
            pruner: Pruner::default(),
            clock_check: options.clock_check,
        })
    }

    /// Checks that the connection lives, and with it the lock.
    ///
    /// # Errors
    /// [`StoreError::Database`] when the connection is lost: another server may hold the lock now.
    pub async fn check(&mut self) -> Result<(), StoreError> {
        Ok(self.connection.ping().await?)
    }

    /// Releases the lock.
    pub async fn release(self) {
        // When closing fails, the database still releases the lock at the end of the connection.
        let _ = self.connection.close().await;
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
        Ok(self.compactor.run(&mut self.connection, scope).await?)
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
        self.acquire_run_lock().await?;
        let (connection, damaged) = (&mut self.connection, &mut self.damaged);
        let step = Box::pin(self.pruner.step(connection, &prune, damaged)).await;
        self.release_run_lock().await?;
        Ok(step?)
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
        self.acquire_run_lock().await?;
        let changes =
            retention::prune_oldest_day(&mut self.connection, now, free_bytes, &mut self.damaged)
                .await;
        self.release_run_lock().await?;
        Ok(changes?)
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
            return Ok(erasure::dry_run(connection, tenant, &ids).await?);
        }
        let damaged = &mut self.damaged;
        erasure::erase(connection, tenant, &ids, gauge, damaged, progress).await
    }

    /// Records the size of the database for the day of `now`.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn note_size(&mut self, now: UnixNanos) -> Result<(), StoreError> {
        Ok(storage::note_size(&mut self.connection, now).await?)
    }

    /// Checks the clock and the disk, and removes expired data.
    pub(crate) async fn run(&mut self, run: Run<'_>) -> Result<RetentionReport, StoreError> {
        let run = self.checked(run).await?;
        if !(run.gauge)().may_rewrite() {
            return Err(StoreError::DiskReserve);
        }
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
    }

    /// Checks the clock and counts expired data.
    pub(crate) async fn dry_run(&mut self, run: Run<'_>) -> Result<RetentionReport, StoreError> {
        let run = self.checked(run).await?;
        Ok(retention::dry_run(&mut self.connection, run).await?)
    }

    /// Returns the run with the time by which data may be removed.
    async fn checked<'a>(&mut self, run: Run<'a>) -> Result<Run<'a>, StoreError> {
        let connection = &mut self.connection;
        if run.trusts_clock {
            retention::note_trusted(connection, run.now).await?;
            return Ok(run);
        }
        let now = self.clock_check.check(connection, run.now).await?;
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
