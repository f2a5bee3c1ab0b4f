//! Options of `erase`.

use clap::Args;
use throughline_wire::TraceId;

use super::{DatabaseOptions, byte_count, trace_id};
use crate::tasks::StorageLimits;

/// Options of `erase`.
#[derive(Debug, Args)]
pub struct EraseCommand {
    /// A trace by its id, pinned or not. May be repeated.
    #[arg(long = "trace", required = true, value_name = "ID", value_parser = trace_id)]
    pub traces: Vec<TraceId>,
    /// Only print what would be erased.
    #[arg(long)]
    pub dry_run: bool,
    /// Stop when less than this is free on the disk of the private cluster, or less than a tenth of
    /// a smaller disk. An erasure rewrites blocks before it frees the space of the old ones.
    #[arg(
        long,
        env = "THROUGHLINE_DISK_RESERVE",
        value_name = "SIZE",
        value_parser = byte_count
    )]
    pub disk_reserve: Option<u64>,
    /// The database; that of a server that runs on the data directory if there is one.
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
