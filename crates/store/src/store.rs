//! The store: the connection pool of the readers, the tasks of the writer, start and shutdown.

use std::io::{Read, Write};
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};
use throughline_model::{
    LiveFeed, ReadError, RetentionAdmin, RetentionReport, RetentionRules, SpaceUse, TraceReader,
};
use throughline_wire::{TenantId, TraceId};

use crate::in_time;
use crate::leader_lock::JobOptions;
use crate::live::{self, LiveHandle};
use crate::reader::{DictionaryCache, PgTraceReader};
use crate::retention_admin::PgRetentionAdmin;
use crate::search::ScanPermits;
use crate::sqlstate::read_error;
use crate::timed_reader::TimedReader;
use crate::watchdog::Watchdog;
use crate::writer::{WriterHandle, spawn};
use crate::{
    BackupError, BackupReport, BlockProgress, CompactionReport, CompactionScope, ErasureReport,
    Gauge, JobKind, LeaderLock, MigrationReport, Retain, StoreError, StoreOptions, TableProgress,
    Writer, backup, migrate, retention, storage,
};

/// A store of spans and traces in one Postgres database.
///
/// Any number of stores, on any number of machines, may share a database.
pub struct Store {
    pool: PgPool,
    job: JobOptions,
    options: StoreOptions,
    writer: WriterHandle,
    live: LiveHandle,
    cache: Arc<DictionaryCache>,
    permits: Arc<ScanPermits>,
}

impl Store {
    /// Opens the store and checks that the database responds.
    ///
    /// # Errors
    /// [`StoreError::Url`], or [`StoreError::Database`] when the database does not respond.
    pub async fn connect(url: &str, options: StoreOptions) -> Result<Self, StoreError> {
        let store = Self::connect_lazy(url, options)?;
        store.pool.acquire().await.map_err(StoreError::Database)?;
        Ok(store)
    }

    /// Opens the store without waiting for the database, which may be down. The store connects when
    /// it needs a connection, and connects again after a connection was lost. Must be called within
    /// a tokio runtime.
    ///
    /// # Errors
    /// [`StoreError::Url`].
    pub fn connect_lazy(url: &str, options: StoreOptions) -> Result<Self, StoreError> {
        let connect = PgConnectOptions::from_str(url)
            .map_err(|_| StoreError::Url)?
            .application_name("throughline")
            .options([
                // JIT compilation takes longer than any of our statements runs.
                ("jit", "off"),
                // The best plan depends on the values: a user has ten traces, a service has half of
                // all traces, and a compaction step reads one trace or thousands. A generic plan
                // would be wrong for most values.
                ("plan_cache_mode", "force_custom_plan"),
                // The database notices a client that died silently, and releases its locks.
                ("tcp_keepalives_idle", "60"),
                ("tcp_keepalives_interval", "10"),
                ("tcp_keepalives_count", "3"),
                ("tcp_user_timeout", "120000"),
            ])
            // The store must not trace or log its own statements: each statement would cause a new
            // span, which causes new statements, and so on.
            .disable_statement_logging();
        let pool = reader_pool(&connect, &options);
        let writer = spawn(&connect, &pool, &options);
        let is_ingest_busy = Box::new(writer.is_busy());
        let cores = options.search_cores;
        let live = live::spawn(&connect, &pool, &options);
        Ok(Self {
            job: JobOptions::new(connect, &options),
            pool,
            options,
            writer,
            live,
            cache: Arc::default(),
            permits: Arc::new(ScanPermits::new(cores, is_ingest_busy)),
        })
    }

    /// Applies the missing migrations; does nothing when the schema is up to date. Servers that
    /// start at the same time wait for each other.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Migration`], or [`StoreError::NewerSchema`].
    pub async fn migrate(&self) -> Result<MigrationReport, StoreError> {
        let (connect, silence) = (&self.job.connect, self.job.silence);
        let mut connection = in_time::connect(connect).await?;
        let watchdog = Watchdog::new(&mut connection, connect, silence).await?;
        let report = watchdog.watch(Box::pin(migrate::run(connection))).await?;
        for applied in &report.applied {
            tracing::info!(migration = applied, "applied");
        }
        Ok(report)
    }

    /// Waits until it acquires the leader lock of `job`. Servers that wait acquire it in the order
    /// of asking. Each has a connection of its own meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn lead(&self, job: JobKind) -> Result<LeaderLock, StoreError> {
        LeaderLock::acquire(&self.job, job).await
    }

    /// Tries to acquire the leader lock of `job`; `None` while another server holds it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn try_lead(&self, job: JobKind) -> Result<Option<LeaderLock>, StoreError> {
        LeaderLock::try_acquire(&self.job, job).await
    }

    async fn connect_job(&self, what: &str) -> Result<LeaderLock, StoreError> {
        LeaderLock::connect(&self.job, what).await
    }

    /// Runs retention once, without the leader lock: for an operator who starts it by hand.
    ///
    /// # Errors
    /// The errors of [`LeaderLock::retain`].
    pub async fn retain_once(
        &self,
        retain: Retain,
        gauge: &Gauge,
    ) -> Result<RetentionReport, StoreError> {
        let mut lock = self.connect_job("retention").await?;
        let report = lock.retain(retain, gauge).await;
        lock.release().await;
        report
    }

    /// Erases some traces of `tenant`, pinned or not, or counts what would be erased. Ingest and
    /// reads continue. Spans of these traces that arrive afterwards are stored as new traces. Stops
    /// when `gauge` reports that the disk reserve is reached.
    ///
    /// Counts in rollups, and the names of services, operations, resources and scopes are kept.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::DiskReserve`], [`StoreError::Busy`]. Completed steps
    /// stay done; another call continues after them.
    pub async fn erase_traces(
        &self,
        tenant: TenantId,
        trace_ids: &[TraceId],
        is_dry_run: bool,
        gauge: &Gauge,
        progress: impl FnMut(BlockProgress),
    ) -> Result<ErasureReport, StoreError> {
        let mut lock = self.connect_job("erasure").await?;
        let report = lock
            .erase(tenant, trace_ids, is_dry_run, gauge, progress)
            .await;
        lock.release().await;
        report
    }

    /// Compacts all level-0 blocks once, without the leader lock.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn compact_once(&self) -> Result<CompactionReport, StoreError> {
        let mut lock = self.connect_job("compaction").await?;
        let report = lock.compact(CompactionScope::Everything).await;
        lock.release().await;
        report
    }

    /// Writes every table of the database to `out`, from one snapshot; servers may continue
    /// meanwhile. Stops when `gauge` reports that the disk reserve is reached. Blocks the thread
    /// while it writes.
    ///
    /// # Errors
    /// [`BackupError`]; a restore recognises the output as incomplete.
    pub async fn backup(
        &self,
        out: impl Write,
        gauge: &Gauge,
        progress: impl FnMut(TableProgress<'_>),
    ) -> Result<BackupReport, BackupError> {
        let mut lock = self.connect_job("backup").await?;
        let report = backup::save(&mut lock.connection, out, gauge, progress).await?;
        lock.release().await;
        Ok(report)
    }

    /// Restores a file that [`Self::backup`] wrote into this database, in one transaction. The
    /// database must be migrated and empty. Stops when `gauge` reports that the disk reserve is
    /// reached. Blocks the thread while it reads.
    ///
    /// # Errors
    /// [`BackupError`]; nothing is restored then.
    pub async fn restore(
        &self,
        input: impl Read,
        gauge: &Gauge,
        progress: impl FnMut(TableProgress<'_>),
    ) -> Result<BackupReport, BackupError> {
        let mut lock = self.connect_job("restore").await?;
        let report = backup::restore(&mut lock.connection, input, gauge, progress).await?;
        lock.release().await;
        Ok(report)
    }

    /// Returns the retention admin of `tenant`: retention by `rules`, pins and manual runs.
    pub fn retention_admin(
        &self,
        tenant: TenantId,
        rules: RetentionRules,
        gauge: Gauge,
    ) -> Arc<dyn RetentionAdmin> {
        Arc::new(PgRetentionAdmin {
            pool: self.pool.clone(),
            tenant,
            clock: self.options.clock.clone(),
            rules,
            gauge,
            job: JobOptions {
                rules,
                ..self.job.clone()
            },
            answer_timeout: self.options.answer_timeout,
        })
    }

    /// Returns the size of the database in bytes, without the write-ahead log.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] when the database does not respond.
    pub async fn used_bytes(&self) -> Result<u64, ReadError> {
        self.read(async |connection| storage::used_bytes(connection).await)
            .await
    }

    /// Measures what takes the space of the database; reads a sample of its rows.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] when the database does not respond.
    pub async fn space_use(&self) -> Result<SpaceUse, ReadError> {
        let now = self.options.clock.now();
        let rules = &self.options.rules;
        self.read(async |connection| Ok(retention::space(connection, now, rules).await?.used))
            .await
    }

    /// Returns the reason why retention removes nothing by age; `None` if it trusts the clock.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] when the database does not respond.
    pub async fn retention_refusal(&self) -> Result<Option<String>, ReadError> {
        self.read(async |connection| retention::refusal(connection).await)
            .await
    }

    /// Reads on a connection of the pool, within the timeout of a whole read.
    async fn read<T>(
        &self,
        work: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, ReadError> {
        let read = async {
            let mut connection = self.pool.acquire().await.map_err(read_error)?;
            work(&mut connection).await.map_err(read_error)
        };
        in_time::read_within(self.options.answer_timeout, read).await
    }

    /// Refuses every batch from now on because the storage is full (`true`), or accepts batches
    /// again (`false`).
    pub fn set_full(&self, is_full: bool) {
        self.writer.set_full(is_full);
    }

    /// Returns the writer, which accepts batches of spans; cheap to clone.
    pub fn writer(&self) -> Writer {
        self.writer.writer()
    }

    /// Returns a reader of the data of `tenant`.
    pub fn reader(&self, tenant: TenantId) -> Arc<dyn TraceReader> {
        Arc::new(TimedReader {
            reader: self.pg_reader(tenant),
            limit: self.options.answer_timeout,
        })
    }

    pub(crate) fn pg_reader(&self, tenant: TenantId) -> PgTraceReader {
        let cache = Arc::clone(&self.cache);
        let permits = Arc::clone(&self.permits);
        PgTraceReader::new(self.pool.clone(), tenant, &self.options, cache, permits)
    }

    /// Returns how many scans of searches run, and how many searches wait until they may scan.
    #[cfg(feature = "testing")]
    pub(crate) fn scan_counts(&self) -> (usize, usize) {
        self.permits.counts()
    }

    /// Returns the live feed of `tenant`. It reports every commit to the database, by this store or
    /// another.
    pub fn live(&self, tenant: TenantId) -> Arc<dyn LiveFeed> {
        self.live.feed(tenant)
    }

    /// Checks that the database responds.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] when it does not respond within the acquire timeout.
    pub async fn ping(&self) -> Result<(), ReadError> {
        let mut connection = self.pool.acquire().await.map_err(read_error)?;
        in_time::ping(&mut connection).await.map_err(read_error)
    }

    /// Closes the store: refuses new batches, commits or refuses submitted batches, and closes
    /// every connection.
    pub async fn close(&self) {
        self.writer.close().await;
        self.live.close().await;
        self.pool.close().await;
    }
}

/// Returns the pool of the readers. A connection that died silently neither keeps its place in the
/// pool nor uses up the time of a read that waits for a connection.
fn reader_pool(connect: &PgConnectOptions, options: &StoreOptions) -> PgPool {
    let acquire_timeout = options.acquire_timeout;
    PgPoolOptions::new()
        .max_connections(options.reader_connections)
        .acquire_timeout(acquire_timeout)
        // Instead of the check of sqlx, which has no limit. A read has time for several checks.
        .test_before_acquire(false)
        .before_acquire(move |connection, _| {
            Box::pin(async move {
                in_time::within(acquire_timeout / 4, connection.ping()).await?;
                Ok(true)
            })
        })
        // Before the check of sqlx. The statement of a read that was given up may still run.
        .after_release(move |connection, _| {
            Box::pin(async move {
                in_time::within(acquire_timeout, connection.ping()).await?;
                Ok(true)
            })
        })
        .connect_lazy_with(connect.clone().options([
            ("statement_timeout", millis(options.read_timeout)),
            // The database ends the transaction of a read that was given up, and releases its
            // locks, also if the end of the connection does not arrive.
            (
                "idle_in_transaction_session_timeout",
                millis(options.answer_timeout),
            ),
        ]))
}

fn millis(time: Duration) -> String {
    time.as_millis().to_string()
}
