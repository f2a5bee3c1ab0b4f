//! The writer's own connection: made when needed, given up when in doubt, made again with a
//! growing pause.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::time::{Instant, timeout};

use super::partitions::Partitions;

/// A connection with what is known about the database behind it.
pub(super) struct Session {
    connect: PgConnectOptions,
    connect_timeout: Duration,
    open: Option<Open>,
    /// Not before this is another connection tried.
    retry_at: Option<Instant>,
    pause: Duration,
}

/// What lives as long as one connection.
pub(super) struct Open {
    pub connection: PgConnection,
    pub partitions: Partitions,
}

impl Session {
    const FIRST_PAUSE: Duration = Duration::from_millis(100);
    const LONGEST_PAUSE: Duration = Duration::from_secs(1);
    const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

    pub(super) fn new(connect: &PgConnectOptions, commit_timeout: Duration) -> Self {
        let limit = commit_timeout.as_millis().to_string();
        Self {
            connect: connect.clone().options([
                // What is acknowledged must survive a crash, whatever the server's default.
                ("synchronous_commit", "on"),
                ("statement_timeout", limit.as_str()),
                ("idle_in_transaction_session_timeout", limit.as_str()),
                // Commits run the same statements by key, a hundred times a second: to plan each of them
                // anew costs more than it gains.
                ("plan_cache_mode", "auto"),
            ]),
            connect_timeout: Self::CONNECT_TIMEOUT.min(commit_timeout),
            open: None,
            retry_at: None,
            pause: Self::FIRST_PAUSE,
        }
    }

    /// Whether a connection is open, as far as is known.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Takes the connection, making one if there is none; whoever takes it gives it back by
    /// [`Self::put_back`] unless it failed. None while the database does not answer.
    pub(super) async fn take(&mut self) -> Option<Open> {
        if let Some(open) = self.open.take() {
            return Some(open);
        }
        if self.retry_at.is_some_and(|at| Instant::now() < at) {
            return None;
        }
        let error = match timeout(self.connect_timeout, self.connect.connect()).await {
            Ok(Ok(connection)) => {
                self.retry_at = None;
                self.pause = Self::FIRST_PAUSE;
                return Some(Open {
                    connection,
                    partitions: Partitions::default(),
                });
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        tracing::warn!(%error, pause_ms = self.pause.as_millis() as u64, "the writer cannot connect");
        metrics::counter!("throughline_writer_connect_failures_total").increment(1);
        self.retry_at = Some(Instant::now() + self.pause);
        self.pause = (self.pause * 2).min(Self::LONGEST_PAUSE);
        None
    }

    /// Gives back a connection that is fit for the next commit.
    pub(super) fn put_back(&mut self, open: Open) {
        self.open = Some(open);
    }

    /// Says goodbye.
    pub(super) async fn close(self) {
        if let Some(open) = self.open {
            // The database notices a lost connection by itself.
            let _ = timeout(self.connect_timeout, open.connection.close()).await;
        }
    }
}
