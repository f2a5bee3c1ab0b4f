//! Options of `backup` and `restore`.

use std::path::PathBuf;

use clap::Args;

use super::{DatabaseOptions, byte_count};
use crate::tasks::StorageLimits;

/// Options of `backup`.
#[derive(Debug, Args)]
pub struct BackupCommand {
    /// Output file; `-` is standard output.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Replace the file if it exists.
    #[arg(long)]
    pub force: bool,
    /// Stop if less space than this is free on the disk of the private cluster (at most a tenth of
    /// the disk). While a backup runs, the database cannot free the space of deleted rows.
    #[arg(
        long,
        env = "THROUGHLINE_DISK_RESERVE",
        value_name = "SIZE",
        value_parser = byte_count
    )]
    pub disk_reserve: Option<u64>,
    /// The database to copy. Without a URL: that of the server on the data directory.
    #[command(flatten)]
    pub database: DatabaseOptions,
}

impl BackupCommand {
    /// Returns the bytes that must stay free on the disk.
    pub fn reserve_bytes(&self) -> u64 {
        self.disk_reserve
            .unwrap_or(StorageLimits::DEFAULT_RESERVE_BYTES)
    }
}

/// Options of `restore`.
#[derive(Debug, Args)]
pub struct RestoreCommand {
    /// File of `backup`; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Database to restore into. It must be empty. Without a URL: a data directory that no server
    /// uses.
    #[command(flatten)]
    pub database: DatabaseOptions,
}
