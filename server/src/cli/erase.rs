//! Options of `erase`.

use clap::Args;
use throughline_wire::TraceId;

use super::{DatabaseOptions, trace_id};

/// Options of `erase`.
#[derive(Debug, Args)]
pub struct EraseCommand {
    /// A trace by its id, pinned or not; may be repeated.
    #[arg(long = "trace", required = true, value_name = "ID", value_parser = trace_id)]
    pub traces: Vec<TraceId>,
    /// Only print what would be erased.
    #[arg(long)]
    pub dry_run: bool,
    /// The database; that of a server that runs on the data directory when there is one.
    #[command(flatten)]
    pub database: DatabaseOptions,
}
