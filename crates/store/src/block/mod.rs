//! The block format, in which spans are stored.
//!
//! A block holds spans of one tenant. Spans are grouped by trace, and traces are sorted by trace
//! ID. A block is one row with three parts:
//!
//! - The skeleton: native arrays that SQL reads with `unnest`.
//! - The columns: all other fields and attributes, compressed column by column.
//! - The prune data and the filter: a search uses them to skip blocks.
//!
//! See `docs/storage.md` for the format.

mod builder;
pub(crate) mod checksums;
mod columns;
mod decode;
mod directory;
mod filter;
pub(crate) mod find;
mod kind;
mod record;
mod skeleton;
pub(crate) mod table;
#[cfg(test)]
mod tests;
mod values;

use uuid::Uuid;

pub(crate) use self::builder::{BlockBuilder, raw_bytes};
pub(crate) use self::decode::{SpanDecoder, double, int};
pub(crate) use self::directory::Directory;
pub(crate) use self::filter::FilterEntry;
pub(crate) use self::kind::ColumnKind;
pub(crate) use self::record::{DroppedCounts, IngestMetadata, SpanRecord};
pub(crate) use self::skeleton::Skeleton;
pub(crate) use self::values::{Columns, Values};

/// An error that reports a damaged part of a stored block. The field names the part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cannot decode the {0} of a block")]
pub(crate) struct Corrupt(pub &'static str);

/// A block to write. The fields are the columns of its row, without the key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Block {
    pub prune: PruneData,
    pub skeleton: Skeleton,
    /// The checksums of the parts that a search reads separately, see [`checksums`].
    pub checksums: Vec<i32>,
    /// The membership filter. `None` if it would be too large.
    pub filter: Option<Vec<u8>>,
    pub directory: Vec<u8>,
    pub columns: Vec<u8>,
}

/// The values that let a search skip a block.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct PruneData {
    pub span_count: i32,
    pub first_start_ns: i64,
    pub last_start_ns: i64,
    pub last_end_ns: i64,
    pub first_trace_id: Uuid,
    pub last_trace_id: Uuid,
    pub max_duration_ns: i64,
    pub has_error: bool,
    /// True if a span has offloaded payloads.
    pub has_payloads: bool,
    /// The distinct resources and scopes. The columns refer to them by position.
    pub resources: Vec<i64>,
    pub scopes: Vec<i64>,
}

impl PruneData {
    /// Returns the prune data of a block without spans.
    fn empty() -> Self {
        Self {
            span_count: 0,
            first_start_ns: i64::MAX,
            last_start_ns: i64::MIN,
            last_end_ns: i64::MIN,
            first_trace_id: Uuid::nil(),
            last_trace_id: Uuid::nil(),
            max_duration_ns: 0,
            has_error: false,
            has_payloads: false,
            resources: Vec::new(),
            scopes: Vec::new(),
        }
    }
}
