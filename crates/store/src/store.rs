//! The store as a whole: the readers' pool, the writer's tasks, and their life.

use std::io::{Read, Write};
use std::str::FromStr as _;
use std::sync::Arc;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _};
use throughline_model::{
    LiveFeed, ReadError, RetentionAdmin, RetentionReport, RetentionRules, TraceReader,
};
use throughline_wire::{TenantId, TraceId, UnixNanos};

use crate::live::{self, LiveHandle};
use crate::reader::{DictionaryCache, PgTraceReader};
use crate::retention_admin::PgRetentionAdmin;
use crate::search::ScanPermits;
use crate::sqlstate::read_error;
use crate::writer::{WriterHandle, spawn};
use crate::{
    BackupError, BackupReport, BlockProgress, CompactionReport, CompactionScope, ErasureReport,
    Gauge, JobKind, LeaderLock, MigrationReport, Retain, StoreError, StoreOptions, TableProgress,
    Writer, backup, migrate, storage,
};

/// Spans and traces in one Postgres database.
///
/// Any number of stores, on any number of machines, may share a database.
pub struct Store {
    pool: PgPool,
    connect: PgConnectOptions,
    options: StoreOptions,
    writer: WriterHandle,
    live: LiveHandle,
    cache: Arc<DictionaryCache>,
    permits: Arc<ScanPermits>,
}

impl Store {
    /// Opens the store and makes sure that the database answers.
    ///
    /// # Errors
    /// [`StoreError::Url`], or [`StoreError::Database`] when it does not answer.
    pub async fn connect(url: &str, options: StoreOptions) -> Result<Self, StoreError> {
        let store = Self::connect_lazy(url, options)?;
        store.pool.acquire().await.map_err(StoreError::Database)?;
        Ok(store)
    }

    /// Opens the store without waiting for the database, which may be down: connections are made
    /// when they are needed, and again after they were lost. Must be called within a tokio
    /// runtime.
    ///
    /// # Errors
    /// [`StoreError::Url`].
    pub fn connect_lazy(url: &str, options: StoreOptions) -> Result<Self, StoreError> {
        let connect = PgConnectOptions::from_str(url)
            .map_err(|_| StoreError::Url)?
            .application_name("throughline")
            .options([
                // Compiling a statement takes longer than any of ours runs.
                ("jit", "off"),
                // The values decide the plan: a user has ten traces, a service half of them, and a step of
                // compaction asks for one trace or for thousands. A plan for all would be wrong for most.
                ("plan_cache_mode", "force_custom_plan"),
            ])
            // The store must never trace or log itself: a statement a span would never end.
            .disable_statement_logging();
        let read_timeout = options.read_timeout.as_millis().to_string();
        let pool = PgPoolOptions::new()
            .max_connections(options.reader_connections)
            .acquire_timeout(options.acquire_timeout)
            .connect_lazy_with(
                connect
                    .clone()
                    .options([("statement_timeout", read_timeout)]),
            );
        let writer = spawn(&connect, &pool, &options);
        let is_ingest_busy = Box::new(writer.is_busy());
        let cores = options.search_cores;
        let live = live::spawn(&connect, &pool, options.clock.clone());
        Ok(Self {
            pool,
            connect,
            options,
            writer,
            live,
            cache: Arc::default(),
            permits: Arc::new(ScanPermits::new(cores, is_ingest_busy)),
        })
    }

    /// Brings the schema up to date; does nothing when it is. Servers that start together wait
    /// for each other.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::Migration`], or [`StoreError::NewerSchema`].
    pub async fn migrate(&self) -> Result<MigrationReport, StoreError> {
        let connection = self.connect.connect().await.map_err(StoreError::Database)?;
        let report = migrate::run(connection).await?;
        for applied in &report.applied {
            tracing::info!(migration = applied, "applied");
        }
        Ok(report)
    }

    /// Asks for the right to do `duty`; none while another server has it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn try_lead(&self, job: JobKind) -> Result<Option<LeaderLock>, StoreError> {
        LeaderLock::try_acquire(&self.connect, job, self.options.rules).await
    }

    async fn connect_job(&self, what: &str) -> Result<LeaderLock, StoreError> {
        LeaderLock::connect(&self.connect, what, self.options.rules).await
    }

    /// Makes sure that `now`, by the clock of this server, is near what that of the database shows.
    ///
    /// # Errors
    /// As [`LeaderLock::check_clock`].
    pub async fn check_clock(&self, now: UnixNanos) -> Result<(), StoreError> {
        let mut lock = self.connect_job("clock").await?;
        let checked = lock.check_clock(now).await;
        lock.release().await;
        checked
    }

    /// The same work done once, whoever has the duty: for a person who asks.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn retain_once(&self, retain: Retain) -> Result<RetentionReport, StoreError> {
        let mut lock = self.connect_job("retention").await?;
        let report = lock.retain(retain).await;
        lock.release().await;
        report
    }

    /// Erases what is stored of some traces of `tenant`, pinned or not, or counts what would be erased.
    /// Ingest and reads go on. What is sent of the traces afterwards is new. Stops when `gauge` says that
    /// the disk reserve is reached.
    ///
    /// Counts in rollups, and names of services, operations, resources and scopes stay.
    ///
    /// # Errors
    /// [`StoreError::Database`], [`StoreError::DiskReserve`], [`StoreError::Busy`]; what was done is done,
    /// and doing it again goes on.
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

    /// Compacts all level-0 blocks that are there, whoever has the duty.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub async fn compact_once(&self) -> Result<CompactionReport, StoreError> {
        let mut lock = self.connect_job("compaction").await?;
        let report = lock.compact(CompactionScope::Everything).await;
        lock.release().await;
        report
    }

    /// Writes every table of the database to `out`, as of one moment; servers may go on meanwhile.
    /// Stops when `gauge` says that the disk reserve is reached. Blocks the thread while it writes.
    ///
    /// # Errors
    /// [`BackupError`]; what was written is recognised as incomplete.
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

    /// Restores what [`Self::backup`] wrote into this database, which must be migrated and empty, in
    /// one transaction. Blocks the thread while it reads.
    ///
    /// # Errors
    /// [`BackupError`]; nothing was restored then.
    pub async fn restore(
        &self,
        input: impl Read,
        progress: impl FnMut(TableProgress<'_>),
    ) -> Result<BackupReport, BackupError> {
        let mut lock = self.connect_job("restore").await?;
        let report = backup::restore(&mut lock.connection, input, progress).await?;
        lock.release().await;
        Ok(report)
    }

    /// What decides about how long `tenant`'s traces are kept, by `rules` unless asked otherwise.
    pub fn retention_admin(
        &self,
        tenant: TenantId,
        rules: RetentionRules,
        gauge: Gauge,
    ) -> Arc<dyn RetentionAdmin> {
        Arc::new(PgRetentionAdmin {
            pool: self.pool.clone(),
            connect: self.connect.clone(),
            tenant,
            clock: self.options.clock.clone(),
            rules,
            gauge,
        })
    }

    /// What the database takes, write-ahead log not counted.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] when it does not answer.
    pub async fn used_bytes(&self) -> Result<u64, ReadError> {
        let mut connection = self.pool.acquire().await.map_err(read_error)?;
        storage::used_bytes(&mut connection)
            .await
            .map_err(read_error)
    }

    /// Refuses every batch from now on because there is no room, or takes them again.
    pub fn set_full(&self, is_full: bool) {
        self.writer.set_full(is_full);
    }

    /// Where spans are handed in; cheap to clone.
    pub fn writer(&self) -> Writer {
        self.writer.writer()
    }

    /// What `tenant` may read.
    pub fn reader(&self, tenant: TenantId) -> Arc<dyn TraceReader> {
        Arc::new(self.pg_reader(tenant))
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

    /// Tells `tenant` of every commit to the database, by this store or another.
    pub fn live(&self, tenant: TenantId) -> Arc<dyn LiveFeed> {
        self.live.feed(tenant)
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// [`ReadError::Unavailable`] when it does not within the acquire timeout.
    pub async fn ping(&self) -> Result<(), ReadError> {
        let mut connection = self.pool.acquire().await.map_err(read_error)?;
        connection.ping().await.map_err(read_error)
    }

    /// Stops taking batches, commits or refuses what was submitted, and closes every connection.
    pub async fn close(&self) {
        self.writer.close().await;
        self.live.close().await;
        self.pool.close().await;
    }
}
