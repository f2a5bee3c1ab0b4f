//! Ends a job whose connection died silently.
//!
//! A statement of a job may run for minutes, so no time limit tells whether its answer is lost. A
//! second connection asks the database instead: if the backend of the job waits for its client
//! while the client waits for the backend, the connection is dead.

use std::time::Duration;

use sqlx::PgConnection;
use sqlx::postgres::PgConnectOptions;
use tokio::time::{Instant, sleep};

use crate::in_time;

/// The number of questions within the time of silence.
const QUESTIONS: u32 = 4;

/// Watches the connection of a job.
#[derive(Debug, Clone)]
pub(crate) struct Watchdog {
    connect: PgConnectOptions,
    /// The process ID of the database backend, and when it began: process IDs are used again.
    process: i32,
    began: String,
    silence: Duration,
}

/// The state of the backend of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Backend {
    /// It works, or the database cannot tell.
    Busy,
    /// It waits for its client, since this instant.
    Waits(String),
    Gone,
    /// The database cannot be reached.
    Unknown,
}

impl Watchdog {
    /// Creates a watchdog of `connection`, which was opened with `connect`. The connection counts as
    /// dead after `silence`.
    pub(crate) async fn new(
        connection: &mut PgConnection,
        connect: &PgConnectOptions,
        silence: Duration,
    ) -> Result<Self, sqlx::Error> {
        let asked = sqlx::query_as(
            "SELECT pid, extract(epoch FROM backend_start)::text FROM pg_stat_activity
             WHERE pid = pg_backend_pid()",
        );
        let (process, began) = in_time::within(silence, asked.fetch_one(connection)).await?;
        Ok(Self {
            connect: connect.clone(),
            process,
            began,
            silence,
        })
    }

    /// Returns the result of `work` on the connection, or an error once the connection is dead. Then
    /// the backend is terminated, because it would hold its locks until it notices by itself.
    pub(crate) async fn watch<T, E: From<sqlx::Error>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        tokio::select! {
            biased;
            result = work => result,
            () = Box::pin(self.until_silent()) => {
                self.terminate().await;
                Err(in_time::silent().into())
            }
        }
    }

    async fn until_silent(&self) {
        let (mut seen, mut since) = (Backend::Busy, Instant::now());
        loop {
            sleep(self.silence / QUESTIONS).await;
            let backend = self.backend().await;
            if backend == Backend::Busy || backend != seen {
                (seen, since) = (backend, Instant::now());
            } else if since.elapsed() >= self.silence {
                return;
            }
        }
    }

    async fn backend(&self) -> Backend {
        match in_time::within(self.silence, self.ask()).await {
            Ok(Some((true, since))) => Backend::Waits(since),
            Ok(None) => Backend::Gone,
            // The database answers the second case, for example that there are too many connections.
            Ok(Some((false, _))) | Err(sqlx::Error::Database(_)) => Backend::Busy,
            Err(_) => Backend::Unknown,
        }
    }

    /// Returns whether the backend waits for its client, and when its last statement began and
    /// ended. A backend that sends rows is not counted: its client may be slow.
    async fn ask(&self) -> Result<Option<(bool, String)>, sqlx::Error> {
        let mut connection = in_time::connect(&self.connect).await?;
        let state = sqlx::query_as(
            "SELECT coalesce(state LIKE 'idle%' OR wait_event = 'ClientRead', false),
                 concat_ws(' ', query_start, state_change)
             FROM pg_stat_activity
             WHERE pid = $1 AND extract(epoch FROM backend_start)::text = $2",
        )
        .bind(self.process)
        .bind(&self.began)
        .fetch_optional(&mut connection)
        .await?;
        in_time::close(connection).await;
        Ok(state)
    }

    /// Terminates the backend, so that it releases its locks.
    pub(crate) async fn terminate(&self) {
        let terminated = in_time::within(self.silence, async {
            let mut connection = in_time::connect(&self.connect).await?;
            sqlx::query(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                 WHERE pid = $1 AND extract(epoch FROM backend_start)::text = $2",
            )
            .bind(self.process)
            .bind(&self.began)
            .execute(&mut connection)
            .await?;
            in_time::close(connection).await;
            Ok(())
        });
        match terminated.await {
            Ok(()) => tracing::warn!("ended a job whose connection to the database was dead"),
            Err(error) => tracing::warn!(%error, "cannot end the backend of a dead connection"),
        }
    }
}
