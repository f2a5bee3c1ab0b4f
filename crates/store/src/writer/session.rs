//! The writer's connection: opened when needed, dropped after a fault, reopened with an increasing
//! delay.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::time::{Instant, timeout};

use super::partitions::Partitions;

/// A connection with the cached knowledge about its database.
pub(super) struct Session {
    connect: PgConnectOptions,
    connect_timeout: Duration,
    open: Option<Open>,
    /// The earliest time of the next connection attempt.
    retry_at: Option<Instant>,
    pause: Duration,
}

/// The state that lives as long as one connection.
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
                // An acknowledged span must survive a crash, whatever the server's default.
                ("synchronous_commit", "on"),
                ("statement_timeout", limit.as_str()),
                ("idle_in_transaction_session_timeout", limit.as_str()),
                // Commits run the same statements by key a hundred times a second: planning each of
                // them again costs more than it gains.
                ("plan_cache_mode", "auto"),
            ]),
            connect_timeout: Self::CONNECT_TIMEOUT.min(commit_timeout),
            open: None,
            retry_at: None,
            pause: Self::FIRST_PAUSE,
        }
    }

    /// Returns whether a connection is open, as far as is known.
    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// Takes the connection and opens one if there is none. The caller returns it by
    /// [`Self::put_back`] unless it failed. Returns `None` while the database does not respond.
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
            Err(_) => "timeout".to_owned(),
        };
        tracing::warn!(%error, pause_ms = self.pause.as_millis() as u64, "the writer cannot connect to the database");
        metrics::counter!("throughline_writer_connect_failures_total").increment(1);
        self.retry_at = Some(Instant::now() + self.pause);
        self.pause = (self.pause * 2).min(Self::LONGEST_PAUSE);
        None
    }

    /// Returns a connection that is fit for the next commit.
    pub(super) fn put_back(&mut self, open: Open) {
        self.open = Some(open);
    }

    /// Closes the connection.
    pub(super) async fn close(self) {
        if let Some(open) = self.open {
            // The database detects a lost connection without help.
            let _ = timeout(self.connect_timeout, open.connection.close()).await;
        }
    }
}
