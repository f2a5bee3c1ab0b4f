//! The errors that the store returns. Their texts hold nothing secret and may leave the server.

use std::time::Duration;

/// The reason that the store could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database URL cannot be parsed. The error does not contain the URL, which may hold a
    /// password.
    #[error("the database URL is not a postgres:// URL that can be understood")]
    Url,
    /// The database returned an error or could not be reached.
    #[error("the database cannot be used: {0}")]
    Database(#[from] sqlx::Error),
    /// Another process does the same work at the moment.
    #[error("another run of retention is under way; try again when it is through")]
    Busy,
    /// The free disk space of the database is less than the disk reserve.
    #[error(
        "the erasure stopped because the disk reserve of the database is reached: it writes blocks and \
         large values again before the space of the old ones is free. What was erased so far stays \
         erased. Free space on the disk or lower --disk-reserve, then start the erasure again with the \
         same ids"
    )]
    DiskReserve,
    /// The clocks of this server and of the database differ too much to remove anything by age;
    /// carries the difference.
    #[error(
        "the clock of this server and that of the database differ by {} s: nothing is removed until \
         they differ by less than an hour; set the clocks",
        .0.as_secs()
    )]
    Clocks(Duration),
    /// The database has a migration that this program does not know.
    #[error(
        "the database was made by a newer version of Throughline (schema version {found}, this \
         version knows {known}); install that version, or restore a backup that this version made"
    )]
    NewerSchema {
        /// The schema version of the database.
        found: i64,
        /// The latest schema version that this program knows.
        known: i64,
    },
    /// A migration failed; it was rolled back.
    #[error("a migration failed: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
}

/// The reason that a batch was not committed. After any error but [`WriteError::Refused`] the same
/// batch may be sent again; the part that was stored counts as duplicate then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The queue of the writer is full; carries the time to wait before a retry, 1 to 30 s.
    #[error("too much is waiting to be stored; try again later")]
    Overloaded {
        /// The time that the queue needs to drain at its present speed.
        retry_after: Duration,
    },
    /// The database cannot be reached, is starting, is full or does not respond in time.
    #[error("cannot connect to the database right now")]
    Unavailable,
    /// The storage budget or the disk is full.
    #[error("the disk space for storage is used up; the operator must free or allow some")]
    Full,
    /// The store is closing.
    #[error("the store is closing")]
    Closed,
    /// The batch can never be stored as it is; carries the reason.
    #[error("{0}")]
    Refused(String),
    /// A bug of Throughline; the log has the details.
    #[error("the batch could not be stored; the server's log says why")]
    Internal,
}
