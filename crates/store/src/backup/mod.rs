//! Backs the whole database up into one file, and restores such a file into an empty database.
//!
//! A backup reads every table in one snapshot, so it is consistent while servers go on. It needs
//! no program of Postgres' own.

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

/// The progress of copying one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableProgress<'a> {
    /// The table.
    pub table: &'a str,
    /// The number of rows, known at its end when a backup is restored.
    pub row_count: u64,
    /// The number of bytes, before compression.
    pub byte_count: u64,
    /// Whether that is all of it.
    pub is_complete: bool,
}

/// The contents of a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BackupReport {
    /// Tables.
    pub table_count: u64,
    /// Rows of all tables.
    pub row_count: u64,
    /// Bytes of all tables, before compression.
    pub byte_count: u64,
}

impl BackupReport {
    const fn add(&mut self, progress: TableProgress<'_>) {
        self.table_count += 1;
        self.row_count += progress.row_count;
        self.byte_count += progress.byte_count;
    }
}
