//! Options of `backup` and `restore`.

use std::path::PathBuf;

use clap::Args;

use super::{DatabaseOptions, DiskReserveOption};

/// Options of `backup`.
#[derive(Debug, Args)]
pub struct BackupCommand {
    /// Output file; `-` is standard output.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Replace the file if it exists.
    #[arg(long)]
    pub force: bool,
    /// The backup stops at this free space: while it runs, the database cannot free the space of
    /// deleted rows.
    #[command(flatten)]
    pub disk_reserve: DiskReserveOption,
    /// The database; that of a server that runs on the data directory if there is one.
    #[command(flatten)]
    pub database: DatabaseOptions,
}

/// Options of `restore`.
#[derive(Debug, Args)]
pub struct RestoreCommand {
    /// File of `backup`; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The restore stops at this free space.
    #[command(flatten)]
    pub disk_reserve: DiskReserveOption,
    /// Database to restore into. It must be empty. Without a URL: a data directory that no server
    /// uses.
    #[command(flatten)]
    pub database: DatabaseOptions,
}
