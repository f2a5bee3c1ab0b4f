//! Errors of a backup, in words for the operator.

use std::io;

use crate::StoreError;

/// The reason that a backup was not made or not restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database cannot be used, or is not at the schema of this program.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database does not have all the migrations of this program.
    #[error(
        "the database is at schema version {found}, this program needs {known}; run `throughline \
         migrate` first"
    )]
    OlderSchema {
        /// The version of the database.
        found: i64,
        /// The version of this program.
        known: i64,
    },
    /// The file cannot be read or written.
    #[error("cannot read or write the file: {0}")]
    File(#[from] io::Error),
    /// The disk of the database has no more free than its reserve.
    #[error(
        "stopped at the disk reserve: while a backup runs, the database cannot reuse the space of \
         deleted rows, and a restore needs space for every row. Free space on the disk or lower \
         --disk-reserve, then start it again"
    )]
    DiskReserve,
    /// Tables were added or removed while the backup began.
    #[error("the tables of the database changed at the start of the backup; start it again")]
    SchemaChanged,
    /// A table is partitioned in a way that a backup does not know.
    #[error("table {0} is partitioned in a way that a backup cannot restore")]
    UnknownPartitioning(String),
    /// The file is something else.
    #[error("the file is not a backup of Throughline")]
    NotABackup,
    /// The file has a format that this program does not know.
    #[error("the backup has format {0}, which this program does not know; use a newer version")]
    UnknownFormat(u32),
    /// The backup is of another schema.
    #[error(
        "the backup was made by Throughline {program} at schema version {found}, this database is \
         at {known}; restore it with Throughline {program} into a new database, then start this \
         version on that database"
    )]
    OtherSchema {
        /// The version of the program that made the backup.
        program: String,
        /// The schema version in the backup.
        found: i64,
        /// The schema version of the database.
        known: i64,
    },
    /// The database holds rows.
    #[error(
        "the database is not empty: table {0} holds rows. Restore into a new database, or with \
         --data-dir into a new data directory"
    )]
    NotEmpty(String),
    /// The backup has a table that the database does not have, or with other columns.
    #[error("the backup has a table {0}, which this database does not have")]
    UnknownTable(String),
    /// The file ends too early.
    #[error("the backup is not complete: the file ends too early. Nothing was restored")]
    Truncated,
    /// The bytes of the file are not those that were written.
    #[error("the backup is damaged ({0}). Nothing was restored")]
    Damaged(String),
}

impl From<sqlx::Error> for BackupError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(StoreError::Database(error))
    }
}
