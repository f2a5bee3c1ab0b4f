//! The Postgres store: one writer that commits spans in groups, readers that are bound to one
//! tenant, and the migrations. It is the only crate that uses sqlx.
//!
//! An acknowledged span is committed. A span that is sent twice is stored once. The writer updates
//! the trace summaries in the transaction that stores the spans, so a list of traces always agrees
//! with the stored spans.
//!
//! ```no_run
//! use throughline_store::{Store, StoreOptions, SpanGroup, WriteBatch};
//! use throughline_wire::{TenantId, UnixNanos};
//!
//! # async fn example(groups: Vec<SpanGroup>) -> Result<(), Box<dyn std::error::Error>> {
//! let options = StoreOptions::new(|| UnixNanos::new(1_700_000_000_000_000_000));
//! let store = Store::connect("postgres://localhost/throughline", options).await?;
//! store.migrate().await?;
//! let batch = WriteBatch { tenant: TenantId::DEFAULT, groups };
//! let outcome = store.writer().submit(batch).await?;
//! println!("{} stored, {} known already", outcome.received, outcome.duplicate);
//! store.close().await;
//! # Ok(())
//! # }
//! ```

mod advisory_lock;
mod backup;
mod block;
mod compaction;
mod day;
mod decompress;
mod erasure;
mod error;
mod ids;
mod in_time;
mod indexed_text;
mod leader_lock;
mod live;
mod migrate;
mod notice;
mod options;
mod payload_refs;
mod reader;
mod retention;
mod retention_admin;
mod rollup;
mod search;
mod sqlstate;
mod steady_clock;
mod storage;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod timed_reader;
mod varint;
mod watchdog;
mod writer;

pub use backup::{BackupError, BackupReport, TableProgress};
pub use compaction::{CompactionReport, CompactionScope};
pub use erasure::{BlockProgress, ErasureReport};
pub use error::{StoreError, WriteError};
pub use leader_lock::{JobKind, LeaderLock, Retain};
pub use migrate::MigrationReport;
pub use options::{Clock, Gauge, Level0Limit, StoreOptions};
pub use retention::{Prune, PruneStep, Rewrite};
pub use store::Store;
pub use writer::{EventOutcome, Sender, SpanGroup, WriteBatch, WriteOutcome, Writer};
