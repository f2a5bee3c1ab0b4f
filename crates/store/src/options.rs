//! What of the store can be set, with defaults that suit one server on one machine.

use std::fmt;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use throughline_model::{RetentionRules, StorageGauge, StorageLevel};
use throughline_wire::UnixNanos;

/// Tells the limits of the size and what is free; the size itself is measured.
pub type Gauge = Arc<dyn Fn() -> StorageGauge + Send + Sync>;

/// Returns whether less is free on the disk than its reserve. A full budget does not count: it says
/// nothing about the disk.
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
    /// Blocks. Default 4,000; compaction has precedence from half of them on.
    pub blocks: u64,
    /// Bytes of columns. Default 4 GiB; likewise.
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

/// Tells the time; a parameter so that tests can fix it.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> UnixNanos + Send + Sync>);

impl Clock {
    /// The clock that asks `now`.
    pub fn new(now: impl Fn() -> UnixNanos + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The present instant.
    pub fn now(&self) -> UnixNanos {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// How a [`Store`](crate::Store) behaves.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Where `received` and "the last hour" come from.
    pub clock: Clock,
    /// Bytes of encoded spans that may wait for their commit, those being committed included;
    /// beyond it a batch is refused as overloaded at once. A single batch may exceed it when
    /// nothing else waits. Default 64 MiB.
    pub queue_bytes: usize,
    /// A commit takes batches until it holds so many bytes. Default 16 MiB.
    pub group_bytes: usize,
    /// A commit takes batches until it holds so many spans. Default 20,000.
    pub group_spans: usize,
    /// Connections that commit at the same time. Default 1: on two cores a second one only makes
    /// the groups smaller.
    pub writer_connections: usize,
    /// Connections that read at the same time. Default 8.
    pub reader_connections: u32,
    /// How long a page waits for a connection before the database counts as unreachable.
    /// Default 3 s.
    pub acquire_timeout: Duration,
    /// How long a query may run before it is given up. Default 5 s.
    pub read_timeout: Duration,
    /// How long one commit may take before the database counts as unavailable and the connection
    /// is dropped. Default 30 s.
    pub commit_timeout: Duration,
    /// Values larger than this are kept apart from their span or event, by their hash, and a
    /// preview in their place. Default 8 KiB.
    pub payload_threshold_bytes: usize,
    /// A trace takes so many spans and no more, and so many that run; what is beyond is refused.
    /// Default 100,000.
    pub trace_span_limit: u64,
    /// The time that a search looks before it answers with what it found and says where to go on.
    /// Default 2 s.
    pub search_budget: Duration,
    /// The cores on which searches scan blocks, a batch of blocks on each. While spans wait for their
    /// commit they take a quarter of these, and one at least. Default: those of the machine.
    pub search_cores: usize,
    /// Traces that the first batch of a search looks at; the next ones are larger. Default 500.
    pub search_rows: u32,
    /// Spans of the blocks that a search reads together, nearly. Default 65,536.
    pub search_batch_spans: u32,
    /// A search scans blocks of so many spans at most to find the traces; where more must be scanned, it
    /// goes through the traces. Default 4,194,304.
    pub search_driven_spans: u64,
    /// Log records that a look-up reads to find the traces; where there are more, it reads those of each
    /// trace. Default 500,000.
    pub search_log_records: u32,
    /// Blocks that a search keeps a list of, nearly; where more may match, they are listed for each few
    /// traces. Default 65,536, which take 16 MB.
    pub search_listed_blocks: u32,
    /// A list that the rows of traces decide alone counts them exactly where its range has so many
    /// at most. Default 50,000.
    pub total_cap: u64,
    /// Bits of a span's digest that the row of its trace keeps. Default 16, the most; fewer only make
    /// the comparison with stored spans more frequent.
    pub fingerprint_bits: u32,
    /// Beyond this batches are refused as overloaded until compaction has caught up.
    pub level0_limit: Level0Limit,
    /// The rules by which the server removes traces: spans that are older are not counted in
    /// rollups, because their traces may have been removed and be sent again.
    pub rules: RetentionRules,
}

impl StoreOptions {
    /// The defaults, with the time from `now`.
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
