//! Time limits for calls to the database. A connection that died silently never answers, and the
//! limits of the database itself do not help then.

use std::io;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use throughline_model::ReadError;
use tokio::time::timeout;

/// The longest time to open or close a connection, or to check one.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens a connection.
pub(crate) async fn connect(options: &PgConnectOptions) -> Result<PgConnection, sqlx::Error> {
    within(CONNECTION_TIMEOUT, Box::pin(options.connect())).await
}

/// Closes a connection. The database ends it at the latest when it notices that the client is gone.
pub(crate) async fn close(connection: PgConnection) {
    let _ = timeout(CONNECTION_TIMEOUT, connection.close()).await;
}

/// Checks that a connection lives.
pub(crate) async fn ping(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    within(CONNECTION_TIMEOUT, connection.ping()).await
}

/// Returns the result of `work`, or an error of the connection after `limit`. The caller must not
/// use the connection again then.
pub(crate) async fn within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    timeout(limit, work).await.unwrap_or_else(|_| Err(silent()))
}

/// Returns the result of a read, or [`ReadError::Unavailable`] after `limit`.
pub(crate) async fn read_within<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, ReadError>>,
) -> Result<T, ReadError> {
    timeout(limit, work).await.unwrap_or_else(|_| {
        tracing::warn!("the database did not answer a read in time");
        Err(ReadError::Unavailable)
    })
}

/// Returns the error of a connection on which nothing arrives any more.
pub(crate) fn silent() -> sqlx::Error {
    sqlx::Error::Io(io::Error::new(
        io::ErrorKind::TimedOut,
        "the database does not answer on this connection",
    ))
}
