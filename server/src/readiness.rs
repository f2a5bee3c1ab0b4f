//! Migrates the schema in the background, and reports whether the server is ready.

use std::sync::Arc;
use std::time::Duration;

use throughline_store::{Store, StoreError};
use tokio::sync::watch;
use tokio::time::sleep;

/// The reason that another version must be installed.
const NEWER_SCHEMA: &str = "a newer version of Throughline created the database: install that \
                            version, or restore a backup of this version";

/// The state of the migration: the reason why the server is not ready, or `None`.
#[derive(Debug, Clone)]
pub struct Readiness(watch::Receiver<Option<&'static str>>);

impl Readiness {
    /// Migrates the schema in the background, and retries until that succeeds.
    pub fn migrate(store: Arc<Store>) -> Self {
        let (sender, receiver) = watch::channel(Some("waiting for the database"));
        tokio::spawn(async move {
            let mut pause = Duration::from_millis(100);
            loop {
                match store.migrate().await {
                    Ok(report) => {
                        tracing::info!(version = report.version, "the database is ready");
                        sender.send_replace(None);
                        return;
                    }
                    Err(StoreError::Migration(error)) => {
                        tracing::error!(%error, "a migration failed");
                        sender.send_replace(Some("a migration failed; see the server's log"));
                    }
                    Err(error @ StoreError::NewerSchema { .. }) => {
                        tracing::error!(%error, "this version cannot use the database");
                        sender.send_replace(Some(NEWER_SCHEMA));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "the database is not ready");
                        sender.send_replace(Some("cannot connect to the database"));
                    }
                }
                sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(5));
            }
        });
        Self(receiver)
    }

    /// Returns the readiness of a schema that is up to date.
    pub fn ready() -> Self {
        Self(watch::channel(None).1)
    }

    /// Returns the reason why nothing can be stored yet; `None` once the schema is up to date.
    pub fn missing(&self) -> Option<&'static str> {
        *self.0.borrow()
    }

    /// Waits until the schema is up to date; for ever if that never happens.
    pub async fn reached(&self) {
        let mut missing = self.0.clone();
        if missing.wait_for(Option::is_none).await.is_err() {
            // The task that migrates the schema ended before it was done.
            std::future::pending::<()>().await;
        }
    }

    /// Checks the schema and the connection to the database. Returns `warning`, if any: a server
    /// without space is ready, because it still serves reads.
    ///
    /// # Errors
    /// The reason why the server is not ready.
    pub async fn check(
        &self,
        store: &Store,
        warning: Option<String>,
    ) -> Result<Option<String>, String> {
        if let Some(missing) = self.missing() {
            return Err(missing.to_owned());
        }
        store.ping().await.map_err(|error| error.to_string())?;
        Ok(warning)
    }
}
