//! Work that one server at a time does for all: whoever holds the lock of a duty does it, on the
//! very connection that holds the lock.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};

use throughline_model::{PartitionChange, RetentionReport, RetentionRules};
use throughline_wire::{TenantId, TraceId, UnixNanos};
use uuid::Uuid;

use crate::compaction::{CompactionReport, CompactionScope, Compactor};
use crate::retention::{self, Damaged, Rewrite, Run, turn};
use crate::{BlockProgress, ErasureReport, Gauge, StoreError, erasure, storage};

/// Another run is waited for so long.
const TURN_PATIENCE: Duration = Duration::from_secs(10);

/// By time nothing is removed while clocks differ by more.
const MAX_CLOCK_DIFFERENCE: Duration = Duration::from_hours(1);

/// What a run of retention is to do.
#[derive(Debug, Clone, Copy)]
pub struct Retain {
    /// How long what is kept.
    pub rules: RetentionRules,
    /// What time it is.
    pub now: UnixNanos,
    /// When partitions are rewritten.
    pub rewrite: Rewrite,
    /// Only tell what would go.
    pub is_dry_run: bool,
}

/// A kind of such work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// Moving spans from the blocks of commits into larger ones.
    Compact,
    /// Removing what is past its time, and watching the size.
    Retain,
}

impl JobKind {
    /// The word in logs, metrics and the name of its lock.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Compact => "compact",
            Self::Retain => "retain",
        }
    }
}

/// The right to do a duty, held as long as the connection lives.
///
/// The database gives the lock back when the connection ends, however it ends, and what the
/// connection was doing ends with it: two servers never do the same duty at the same time.
#[derive(Debug)]
pub struct LeaderLock {
    pub(crate) connection: PgConnection,
    compactor: Compactor,
    damaged: Damaged,
}

impl LeaderLock {
    /// Asks for the lock; none while another holds it.
    pub(crate) async fn try_acquire(
        connect: &PgConnectOptions,
        job: JobKind,
        rules: RetentionRules,
    ) -> Result<Option<Self>, StoreError> {
        let mut lock = Self::connect(connect, job.as_str(), rules).await?;
        let is_held: bool =
            sqlx::query_scalar("SELECT pg_try_advisory_lock(hashtextextended($1, 0))")
                .bind(format!("throughline.job.{}", job.as_str()))
                .fetch_one(&mut lock.connection)
                .await?;
        if is_held {
            Ok(Some(lock))
        } else {
            lock.release().await;
            Ok(None)
        }
    }

    /// A connection for work that is asked for once, without the lock of a duty.
    pub(crate) async fn connect(
        connect: &PgConnectOptions,
        what: &str,
        rules: RetentionRules,
    ) -> Result<Self, StoreError> {
        let connection = connect
            .clone()
            .application_name(&format!("throughline {what}"))
            .connect()
            .await?;
        Ok(Self {
            connection,
            compactor: Compactor::new(rules),
            damaged: Damaged::default(),
        })
    }

    /// Makes sure that the connection lives and with it the lock.
    ///
    /// # Errors
    /// [`StoreError::Database`] when it does not: the duty is another's now.
    pub async fn check(&mut self) -> Result<(), StoreError> {
        Ok(self.connection.ping().await?)
    }

    /// Gives the lock back.
    pub async fn release(self) {
        // The database gives it back all the same when this fails.
        let _ = self.connection.close().await;
    }

    /// Moves spans from level-0 blocks into larger blocks, sorted by trace, and counts them in
    /// rollups.
    ///
    /// # Errors
    /// [`StoreError::Database`]; every step is one transaction, and what was done stays done.
    pub async fn compact(
        &mut self,
        scope: CompactionScope,
    ) -> Result<CompactionReport, StoreError> {
        Ok(self.compactor.run(&mut self.connection, scope).await?)
    }

    /// Removes what is past its time by `rules`, of every tenant, or tells what would go.
    ///
    /// # Errors
    /// [`StoreError::Database`]; what was done is done and the next run goes on.
    /// [`StoreError::Busy`].
    pub async fn retain(&mut self, retain: Retain) -> Result<RetentionReport, StoreError> {
        let run = Run {
            tenant: None,
            rules: retain.rules,
            now: retain.now,
            rewrite: retain.rewrite,
        };
        if retain.is_dry_run {
            self.dry_run(run).await
        } else {
            self.run(run).await
        }
    }

    /// Frees the oldest past day, whatever the rules say; none when nothing can be freed. Copies
    /// of pinned traces may take `room_bytes`. The directory follows in the next [`Self::retain`].
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Busy`].
    pub async fn prune_oldest_day(
        &mut self,
        now: UnixNanos,
        room_bytes: u64,
    ) -> Result<Option<Vec<PartitionChange>>, StoreError> {
        self.acquire_run_lock().await?;
        let changes =
            retention::prune_oldest_day(&mut self.connection, now, room_bytes, &mut self.damaged)
                .await;
        self.release_run_lock().await?;
        Ok(changes?)
    }

    /// Erases traces of `tenant` whatever the rules say, or counts what would be erased; tells
    /// `progress` after each few blocks. Stops when `gauge` says that the disk reserve is reached.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::DiskReserve`], [`StoreError::Busy`]; what was done is done,
    /// and doing it again goes on.
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

    /// Makes sure that `now`, by the clock of this server, is what the clock of the database shows,
    /// give or take an hour: a wrong clock must not remove what is young.
    ///
    /// # Errors
    /// [`StoreError::Clocks`], [`StoreError::Database`].
    pub async fn check_clock(&mut self, now: UnixNanos) -> Result<(), StoreError> {
        let database_ns: i64 = sqlx::query_scalar(
            "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint * 1000",
        )
        .fetch_one(&mut self.connection)
        .await?;
        let difference = Duration::from_nanos(now.get().abs_diff(database_ns));
        if difference > MAX_CLOCK_DIFFERENCE {
            return Err(StoreError::Clocks(difference));
        }
        Ok(())
    }

    /// Notes how large the database is today.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn note_size(&mut self, now: UnixNanos) -> Result<(), StoreError> {
        Ok(storage::note_size(&mut self.connection, now).await?)
    }

    pub(crate) async fn run(&mut self, run: Run) -> Result<RetentionReport, StoreError> {
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

    pub(crate) async fn dry_run(&mut self, run: Run) -> Result<RetentionReport, StoreError> {
        Ok(retention::dry_run(&mut self.connection, run).await?)
    }

    /// Whoever removes anything does so alone, regularly or asked to.
    async fn acquire_run_lock(&mut self) -> Result<(), StoreError> {
        if turn::take(&mut self.connection, TURN_PATIENCE).await? {
            Ok(())
        } else {
            Err(StoreError::Busy)
        }
    }

    async fn release_run_lock(&mut self) -> Result<(), StoreError> {
        Ok(turn::end(&mut self.connection).await?)
    }
}
