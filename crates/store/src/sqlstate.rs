//! Classifies database errors, in one place.

use throughline_model::ReadError;

/// A class of database errors that are handled alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The connection was lost or never established.
    Disconnected,
    /// The server responds but cannot serve now: it starts, stops, is full or is read-only.
    Unavailable,
    /// The statement reached its time limit or was cancelled.
    TimedOut,
    /// Two transactions conflicted: a retry will succeed.
    Conflict,
    /// A row with this unique key is already stored.
    Duplicate,
    /// No partition exists for the row.
    NoPartition,
    /// The data cannot be stored; carries the database's message.
    Data(String),
    /// Any other error: a bug of ours.
    Other,
}

/// Classifies an error by its SQLSTATE (`PostgreSQL` manual, Appendix A, "Error Codes").
pub(crate) fn fault(error: &sqlx::Error) -> Fault {
    let database = match error {
        sqlx::Error::Database(database) => database,
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed
        // The error of sqlx when the stream broke off inside a message.
        | sqlx::Error::Protocol(_) => return Fault::Disconnected,
        _ => return Fault::Other,
    };
    let code = database.code().unwrap_or_default();
    match code.as_ref() {
        "40001" | "40P01" => Fault::Conflict,
        "23505" => Fault::Duplicate,
        // For a row without a partition, Postgres reports a check violation that names no
        // constraint.
        "23514" if database.constraint().is_none() => Fault::NoPartition,
        // The connection was terminated by an administrator, by a crash, or because the database is
        // dropped.
        "57P01" | "57P02" | "57P04" | "57P05" | "25P03" => Fault::Disconnected,
        "57014" => Fault::TimedOut,
        // A lock is not available, the transaction is read-only, the database does not accept
        // connections, or a table, a column or a function is missing because the migrations have
        // not run yet.
        "55P03" | "25006" | "55000" | "42P01" | "42703" | "42883" => Fault::Unavailable,
        code => match code.get(..2) {
            Some("08") => Fault::Disconnected,
            Some("57" | "53" | "58") => Fault::Unavailable,
            Some("22" | "23" | "54") => Fault::Data(database.message().to_owned()),
            _ => Fault::Other,
        },
    }
}

/// Returns whether the stored bytes are damaged: class XX, "internal error", has the codes for
/// corrupted data and indexes.
pub(crate) fn is_damage(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::ColumnDecode { .. } => true,
        sqlx::Error::Database(error) => error.code().is_some_and(|code| code.starts_with("XX")),
        _ => false,
    }
}

/// Converts an error for a reader; logs the details that a reader must not see.
pub(crate) fn read_error(error: sqlx::Error) -> ReadError {
    match fault(&error) {
        Fault::Disconnected | Fault::Unavailable => {
            tracing::warn!(%error, "cannot read from the database");
            ReadError::Unavailable
        }
        Fault::TimedOut => ReadError::TimedOut,
        Fault::Data(reason) => ReadError::Invalid(reason),
        Fault::Conflict | Fault::Duplicate | Fault::NoPartition | Fault::Other => {
            tracing::error!(%error, "a query failed");
            ReadError::Internal
        }
    }
}
