//! Options of `erase`.

use clap::Args;
use throughline_wire::TraceId;

use super::{DatabaseOptions, byte_count, trace_id};
use crate::tasks::StorageLimits;

/// Options of `erase`.
#[derive(Debug, Args)]
pub struct EraseCommand {
    /// Trace id, pinned or not. May be repeated.
    #[arg(long = "trace", required = true, value_name = "ID", value_parser = trace_id)]
    pub traces: Vec<TraceId>,
    /// Only print the report; erase nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Stop if less space than this is free on the disk of the private cluster (at most a tenth of
    /// the disk). An erasure rewrites blocks before it frees the space of the old ones.
    #[arg(
        long,
        env = "THROUGHLINE_DISK_RESERVE",
        value_name = "SIZE",
        value_parser = byte_count
    )]
    pub disk_reserve: Option<u64>,
    /// The database. Without a URL: that of the server on the data directory.
    #[command(flatten)]
    pub database: DatabaseOptions,
}

impl EraseCommand {
    /// Returns the bytes that must stay free on the disk.
    pub fn reserve_bytes(&self) -> u64 {
        self.disk_reserve
            .unwrap_or(StorageLimits::DEFAULT_RESERVE_BYTES)
    }
}
