//! Backs the whole database up into one file, and restores such a file into an empty database.
//!
//! A backup reads every table in one snapshot, so it is consistent while servers write. It does not
//! need `pg_dump`.

mod catalogue;
mod error;
mod file;
mod partitions;
mod record;
mod restore;
mod rows;
mod save;

pub use self::error::BackupError;
pub(crate) use self::restore::restore;
pub(crate) use self::save::save;
use crate::{Gauge, options};

/// Copied bytes between two looks at the disk.
const LOOK_EVERY_BYTES: u64 = 4 << 20;

/// The progress of copying one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableProgress<'a> {
    /// The table.
    pub table: &'a str,
    /// The number of rows so far. A restore knows it only at the end of the table.
    pub row_count: u64,
    /// The number of bytes so far, before compression.
    pub byte_count: u64,
    /// True once the whole table was copied.
    pub is_complete: bool,
}

/// The contents of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BackupReport {
    /// The number of tables.
    pub table_count: u64,
    /// The number of rows of all tables.
    pub row_count: u64,
    /// The number of bytes of all tables, before compression.
    pub byte_count: u64,
}

impl BackupReport {
    const fn add(&mut self, progress: TableProgress<'_>) {
        self.table_count += 1;
        self.row_count += progress.row_count;
        self.byte_count += progress.byte_count;
    }
}

/// A full budget alone does not stop a backup, which an operator may want just then.
fn check_disk(gauge: &Gauge) -> Result<(), BackupError> {
    if options::is_disk_reserve_reached(gauge) {
        return Err(BackupError::DiskReserve);
    }
    Ok(())
}
