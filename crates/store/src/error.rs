//! The errors that the store returns. Their texts hold nothing secret and may leave the server.

use std::time::Duration;

use throughline_model::Utc;
use throughline_wire::UnixNanos;

/// The reason that the store could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database URL cannot be parsed. The error does not contain the URL, which may hold a
    /// password.
    #[error("invalid database URL: expected postgres://user:password@host/name")]
    Url,
    /// The database returned an error or could not be reached.
    #[error("database error: {0}")]
    Database(#[from] sqlx::Error),
    /// Another process does the same work at the moment.
    #[error("another run of retention is in progress; try again later")]
    Busy,
    /// The free disk space of the database is less than the disk reserve.
    #[error(
        "stopped at the disk reserve: rows are copied before the space of the old ones is free. What \
         is done stays done. Free space on the disk or lower --disk-reserve, then start it again"
    )]
    DiskReserve,
    /// The clocks of this server and of the database differ too much to remove anything by age;
    /// carries the difference.
    #[error(
        "the clocks of this server and of the database differ by {} s: retention waits until they \
         differ by less than an hour; set the clocks",
        .0.as_secs()
    )]
    Clocks(Duration),
    /// The clock of this server is too far from the time of the last retention run, or from that of
    /// the newest stored data, to remove anything by age.
    #[error(
        "the clock of this server shows {}, but the newest stored data or the last run of retention is \
         of {}: retention waits until the clock has run for an hour without a step, and if they differ \
         by more than a week, until you say that the clock is right: throughline retention --trust-clock",
        Utc::from(*.now), Utc::from(*.last)
    )]
    ClockStep {
        /// The time that the clock shows.
        now: UnixNanos,
        /// The time of the last run, or of the newest stored data.
        last: UnixNanos,
    },
    /// The database has a migration that this program does not know.
    #[error(
        "a newer version of Throughline created the database (schema version {found}, this version \
         knows {known}); install that version, or restore a backup of this version"
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

impl StoreError {
    /// Returns true if nothing was removed by age because the clock cannot be trusted.
    pub const fn is_about_clocks(&self) -> bool {
        matches!(self, Self::Clocks(_) | Self::ClockStep { .. })
    }
}

/// The reason that a batch was not committed. After any error but [`WriteError::Refused`] the same
/// batch may be sent again; the part that was stored counts as duplicate then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The queue of the writer is full; carries the time to wait before a retry, 1 to 30 s.
    #[error("the write queue is full; try again later")]
    Overloaded {
        /// The time that the queue needs to drain at its present speed.
        retry_after: Duration,
    },
    /// The database cannot be reached, is starting, is full or does not respond in time.
    #[error("the database is unavailable right now")]
    Unavailable,
    /// The storage budget or the disk is full.
    #[error("the space for storage is used up; the operator must free space or raise the limit")]
    Full,
    /// The store is closing.
    #[error("the store is closing")]
    Closed,
    /// The batch can never be stored as it is; carries the reason.
    #[error("{0}")]
    Refused(String),
    /// A bug of Throughline; the log has the details.
    #[error("internal error: the batch was not stored; see the server's log")]
    Internal,
}
