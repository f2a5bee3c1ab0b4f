//! What can go wrong at the border of the store, in words that may leave the server.

use std::time::Duration;

/// Why the store could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database URL cannot be understood; the URL is left out because it may hold a password.
    #[error("the database URL is not a postgres:// URL that can be understood")]
    Url,
    /// The database refused or could not be reached.
    #[error("the database cannot be used: {0}")]
    Database(#[from] sqlx::Error),
    /// Somebody else does the same work just now.
    #[error("another run of retention is under way; try again when it is through")]
    Busy,
    /// The disk of the database has less free than its reserve.
    #[error(
        "the erasure stopped because the disk reserve of the database is reached: it writes blocks and \
         large values anew before the space of the old ones is free. What was erased so far stays \
         erased. Free space on the disk or lower --disk-reserve, then start the erasure again with the \
         same ids"
    )]
    DiskReserve,
    /// The clocks of this server and of the database differ too much to remove anything by time;
    /// carries by how much.
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
        /// The version of the database.
        found: i64,
        /// The latest version that this program knows.
        known: i64,
    },
    /// A migration failed; it was rolled back.
    #[error("a migration failed: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
}

/// Why a batch was not committed; apart from [`WriteError::Refused`] the same batch may be sent
/// again and what was stored of it already will count as duplicate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// More waits for commit than may wait; carries when to try again, 1 to 30 s.
    #[error("too much is waiting to be stored; try again later")]
    Overloaded {
        /// How long the queue needs at its present pace.
        retry_after: Duration,
    },
    /// The database cannot be reached, is starting, is full or does not answer in time.
    #[error("the database cannot be reached right now")]
    Unavailable,
    /// The storage budget or the disk is used up.
    #[error("there is no room to store more; the operator must free or allow some")]
    Full,
    /// The store is closing.
    #[error("the store is closing")]
    Closed,
    /// The batch cannot be stored as it is, now or later; carries the reason.
    #[error("{0}")]
    Refused(String),
    /// A fault of ours; the log says more.
    #[error("the batch could not be stored; the server's log says why")]
    Internal,
}
