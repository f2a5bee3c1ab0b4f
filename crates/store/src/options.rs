//! The options of the store. The defaults suit one server on one machine.

use std::fmt;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use throughline_model::{RetentionRules, StorageGauge, StorageLevel};
use throughline_wire::UnixNanos;

/// Returns the limits of the database size and the free disk space. The store measures the size
/// itself.
pub type Gauge = Arc<dyn Fn() -> StorageGauge + Send + Sync>;

/// Returns whether the free disk space is less than the disk reserve. A full storage budget does
/// not count: it says nothing about the disk.
pub(crate) fn is_disk_reserve_reached(gauge: &Gauge) -> bool {
    let disk = StorageGauge {
        budget_bytes: None,
        ..gauge()
    };
    disk.level() == StorageLevel::Full
}

/// The size limit of level 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level0Limit {
    /// The number of blocks. Default 4,000. From half of this number on, compaction takes
    /// precedence over other work.
    pub blocks: u64,
    /// The size of the columns in bytes. Default 4 GiB. From half of this size on, compaction takes
    /// precedence over other work.
    pub bytes: u64,
}

impl Default for Level0Limit {
    fn default() -> Self {
        Self {
            blocks: 4_000,
            bytes: 4 << 30,
        }
    }
}

/// A source of the current time. It is a parameter so that tests can fix the time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> UnixNanos + Send + Sync>);

impl Clock {
    /// Creates a clock that calls `now`.
    pub fn new(now: impl Fn() -> UnixNanos + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Returns the current time.
    pub fn now(&self) -> UnixNanos {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// The options of a [`Store`](crate::Store).
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The clock that sets the time `received` of spans and the end of "the last hour".
    pub clock: Clock,
    /// The number of bytes of encoded spans that may wait for their commit, including those that
    /// are being committed. When it is exceeded, a batch is refused as overloaded at once. A single
    /// batch may exceed it when nothing else waits. Default 64 MiB.
    pub queue_bytes: usize,
    /// The number of bytes after which a commit takes no further batch. Default 16 MiB.
    pub group_bytes: usize,
    /// The number of spans after which a commit takes no further batch. Default 20,000.
    pub group_spans: usize,
    /// The number of connections that commit at the same time. Default 1: on two cores a second
    /// connection only makes the groups smaller.
    pub writer_connections: usize,
    /// The number of connections that read at the same time. Default 8.
    pub reader_connections: u32,
    /// The longest wait of a read for a connection. After it the database counts as unreachable.
    /// Default 3 s.
    pub acquire_timeout: Duration,
    /// The longest run time of a query. After it the query is cancelled. Default 5 s.
    pub read_timeout: Duration,
    /// The time that the clock must have run without a step before anything is removed by age, if it is
    /// more than an hour away from the last run of retention. Default 1 h.
    pub clock_steadiness: Duration,
    /// The longest time of a whole read, with all its statements. After it the connection counts as
    /// dead and is dropped. Default 30 s.
    pub answer_timeout: Duration,
    /// The time after which the connection of a job counts as dead: the database waits for this
    /// server, and this server waits for the database. The job ends then, and another connection
    /// begins it again. Default 60 s.
    pub job_silence: Duration,
    /// The longest duration of one commit. After it the database counts as unavailable and the
    /// connection is dropped. Default 30 s.
    pub commit_timeout: Duration,
    /// The size in bytes above which a value is offloaded: the span or event stores its hash and a
    /// preview. Default 8 KiB.
    pub payload_threshold_bytes: usize,
    /// The most spans of a trace, and also the most running spans of a trace; further ones are
    /// rejected. Default 100,000.
    pub trace_span_limit: u64,
    /// The time limit of a search. When it is reached, the search returns what it found so far and
    /// a cursor to continue. Default 2 s.
    pub search_budget: Duration,
    /// The number of cores on which searches scan blocks, one batch of blocks on each core. While
    /// spans wait for their commit, searches use a quarter of these cores, at least one. Default:
    /// all cores of the machine.
    pub search_cores: usize,
    /// The number of traces that the first batch of a search reads; later batches are larger.
    /// Default 500.
    pub search_rows: u32,
    /// The approximate number of spans in the blocks that a search reads together. Default 65,536.
    pub search_batch_spans: u32,
    /// The most spans in the blocks that a search scans to find the traces. Where it would have to
    /// scan more, it reads the traces one after the other. Default 4,194,304.
    pub search_driven_spans: u64,
    /// The most log records that a look-up reads to find the traces. Where there are more, it reads
    /// the log records of each trace. Default 500,000.
    pub search_log_records: u32,
    /// The approximate number of blocks that a search lists at once. Where more blocks may match,
    /// it lists them for a few traces at a time. Default 65,536, which take 16 MB.
    pub search_listed_blocks: u32,
    /// The most traces in the range of a list for which the list counts its total exactly. It
    /// applies to lists that need only the rows of traces. Default 50,000.
    pub total_cap: u64,
    /// The number of bits of a span's digest that the row of its trace stores. Default 16, which is
    /// the maximum. With fewer bits, new spans are compared with stored spans more often; tests use
    /// that.
    pub fingerprint_bits: u32,
    /// The size of level 0 above which batches are refused as overloaded, until compaction has
    /// caught up.
    pub level0_limit: Level0Limit,
    /// The retention rules of the server. Spans that are older than their limit are not counted in
    /// rollups: their traces may have been removed and sent again, so the spans would count twice.
    pub rules: RetentionRules,
}

impl StoreOptions {
    /// Creates the default options, with the time from `now`.
    pub fn new(now: impl Fn() -> UnixNanos + Send + Sync + 'static) -> Self {
        Self {
            clock: Clock::new(now),
            queue_bytes: 64 << 20,
            group_bytes: 16 << 20,
            group_spans: 20_000,
            writer_connections: 1,
            reader_connections: 8,
            acquire_timeout: Duration::from_secs(3),
            read_timeout: Duration::from_secs(5),
            clock_steadiness: Duration::from_hours(1),
            answer_timeout: Duration::from_secs(30),
            job_silence: Duration::from_mins(1),
            commit_timeout: Duration::from_secs(30),
            payload_threshold_bytes: 8 << 10,
            trace_span_limit: 100_000,
            search_budget: Duration::from_secs(2),
            search_cores: available_parallelism().map_or(1, usize::from),
            search_rows: 500,
            search_batch_spans: 64 << 10,
            search_driven_spans: 4 << 20,
            search_log_records: 500_000,
            search_listed_blocks: 64 << 10,
            total_cap: 50_000,
            fingerprint_bits: 16,
            level0_limit: Level0Limit::default(),
            rules: RetentionRules::default(),
        }
    }
}
