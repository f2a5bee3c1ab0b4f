//! Options of `erase`.

use clap::Args;
use throughline_wire::TraceId;

use super::{DatabaseOptions, DiskReserveOption, trace_id};

/// Options of `erase`.
#[derive(Debug, Args)]
pub struct EraseCommand {
    /// Trace id, pinned or not. May be repeated.
    #[arg(long = "trace", required = true, value_name = "ID", value_parser = trace_id)]
    pub traces: Vec<TraceId>,
    /// Only print the report; erase nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// The erasure stops at this free space: it rewrites blocks before it frees the space of the
    /// old ones.
    #[command(flatten)]
    pub disk_reserve: DiskReserveOption,
    /// The database; that of a server that runs on the data directory if there is one.
    #[command(flatten)]
    pub database: DatabaseOptions,
}
