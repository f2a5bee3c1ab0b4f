//! Blocks: how spans are stored.
//!
//! A block holds spans of one tenant, grouped by trace, traces in the order of their ids. It is one
//! row: a skeleton in native arrays, which SQL reads with `unnest`; everything else column by
//! column, compressed; and what a search prunes blocks by. `docs/storage.md` has the format.

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

/// A part of a stored block is not what was written; carries which part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the {0} of a block cannot be read")]
pub(crate) struct Corrupt(pub &'static str);

/// A block, as it is written: the columns of its row apart from its key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Block {
    pub prune: PruneData,
    pub skeleton: Skeleton,
    /// The checksums of the parts that a search reads by themselves, see [`checksums`].
    pub checksums: Vec<i32>,
    /// The membership filter; none when it would be too large.
    pub filter: Option<Vec<u8>>,
    pub directory: Vec<u8>,
    pub columns: Vec<u8>,
}

/// The values by which a search leaves a block out.
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
    /// Whether a span has offloaded payloads.
    pub has_payloads: bool,
    /// Distinct resources and scopes; columns refer to them by position.
    pub resources: Vec<i64>,
    pub scopes: Vec<i64>,
}

impl PruneData {
    /// Returns the values of a block without spans.
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
