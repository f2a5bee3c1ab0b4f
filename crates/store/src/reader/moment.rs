//! A connection that sees one moment and whose statement stops when nobody waits for it any more.

use core::ops::{Deref, DerefMut};

use sqlx::pool::PoolConnection;
use sqlx::{Executor as _, PgConnection, PgPool, Postgres, Row as _};
use throughline_model::ReadError;

use crate::sqlstate::read_error;

/// Begins a transaction that sees one moment, whatever is committed or compacted meanwhile: what is asked
/// in several statements is of one state.
///
/// The locks come before the snapshot and exclude the replacement of a partition, whose new rows an older
/// snapshot would not see. A partition is detached under an exclusive lock of its parent, so the parents
/// are enough.
pub(super) const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY; \
    LOCK TABLE ONLY level1_blocks, ONLY events, ONLY payloads IN ACCESS SHARE MODE";

/// A transaction that sees one moment. When it is dropped before [`Self::finish`], as a request that is
/// cancelled drops it, its connection is closed and the database stops the statement that runs in it.
pub(super) struct Moment {
    connection: PoolConnection<Postgres>,
    pool: PgPool,
    /// The process of the database that runs the statements.
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
        // From here on it is not given back before the transaction has ended.
        let begun = moment.connection.execute(BEGIN).await;
        begun.map_err(read_error)?;
        Ok(moment)
    }

    /// Ends the transaction and gives the connection back.
    pub(super) async fn finish(mut self) {
        // A connection on which this fails is closed.
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
        // The database notices that a client is gone only when it has something to tell it.
        runtime.spawn(async move {
            let stopped = sqlx::query("SELECT pg_terminate_backend($1)")
                .bind(process)
                .execute(&pool)
                .await;
            if let Err(error) = stopped {
                tracing::warn!(%error, "the statement of a cancelled search could not be stopped");
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
