//! A connection with a snapshot. Its statement stops when the request is cancelled.

use core::ops::{Deref, DerefMut};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Executor as _, PgConnection, PgPool, Postgres, Row as _};
use throughline_model::ReadError;

use crate::in_time::within;
use crate::sqlstate::read_error;

/// The longest time to stop the statement of a cancelled request.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// Begins a read-only transaction with a snapshot, so that several statements read the same state
/// during commits and compaction.
///
/// A newer partition can replace an old one while a reader runs, and an older snapshot would not
/// see its rows. The locks prevent the replacement, and the transaction takes them before the
/// snapshot. Postgres detaches a partition under an exclusive lock of its parent, so locks on the
/// parents are enough.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; \
    LOCK TABLE ONLY level1_blocks, ONLY events, ONLY payloads IN ACCESS SHARE MODE";

/// A transaction with a snapshot.
///
/// If it is dropped before [`Self::finish`], as in a cancelled request, its connection is closed
/// and the database stops the running statement.
pub(super) struct Moment {
    connection: PoolConnection<Postgres>,
    pool: PgPool,
    /// The process ID of the database backend.
    process: i32,
    is_finished: bool,
}

impl Moment {
    pub(super) async fn begin(pool: &PgPool) -> Result<Self, ReadError> {
        let mut connection = pool.acquire().await.map_err(read_error)?;
        let row = connection
            .fetch_one("SELECT pg_backend_pid()")
            .await
            .map_err(read_error)?;
        let mut moment = Self {
            process: row.try_get(0).map_err(read_error)?,
            connection,
            pool: pool.clone(),
            is_finished: false,
        };
        // From here on, a drop closes the connection instead of returning it to the pool with an
        // open transaction.
        let begun = moment.connection.execute(BEGIN).await;
        begun.map_err(read_error)?;
        Ok(moment)
    }

    /// Ends the transaction and returns the connection to the pool.
    pub(super) async fn finish(mut self) {
        // If this fails, the drop closes the connection.
        self.is_finished = self.connection.execute("ROLLBACK").await.is_ok();
    }
}

impl Drop for Moment {
    fn drop(&mut self) {
        if self.is_finished {
            return;
        }
        self.connection.close_on_drop();
        let (pool, process) = (self.pool.clone(), self.process);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        // The database notices a closed connection only when it writes to it, so the backend is
        // terminated explicitly.
        runtime.spawn(async move {
            let stopped = sqlx::query("SELECT pg_terminate_backend($1)")
                .bind(process)
                .execute(&pool);
            if let Err(error) = within(STOP_TIMEOUT, stopped).await {
                tracing::warn!(%error, "cannot cancel the statement of a cancelled search");
            }
        });
    }
}

impl Deref for Moment {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Moment {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}
