//! Brings the schema up to date in the background, and tells whether it is.

use std::sync::Arc;
use std::time::Duration;

use throughline_model::{StorageGauge, StorageLevel};
use throughline_store::{Store, StoreError};
use tokio::sync::watch;
use tokio::time::sleep;

/// The reason that another version must be installed.
const NEWER_SCHEMA: &str = "the database was made by a newer version of Throughline: install that \
                            version, or restore a backup that this version made";

/// What is still missing.
#[derive(Debug, Clone)]
pub struct Readiness(watch::Receiver<Option<&'static str>>);

impl Readiness {
    /// Brings the schema up to date in the background, trying again until the database lets it.
    pub fn migrate(store: Arc<Store>) -> Self {
        let (sender, receiver) = watch::channel(Some("the database has not answered yet"));
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
                        sender.send_replace(Some("a migration failed; the server's log says why"));
                    }
                    Err(error @ StoreError::NewerSchema { .. }) => {
                        tracing::error!(%error, "the database cannot be used");
                        sender.send_replace(Some(NEWER_SCHEMA));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "the database is not ready");
                        sender.send_replace(Some("the database cannot be reached"));
                    }
                }
                sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(5));
            }
        });
        Self(receiver)
    }

    /// Returns what is missing before anything may be stored; none once the schema is there.
    pub fn missing(&self) -> Option<&'static str> {
        *self.0.borrow()
    }

    /// Waits until the schema is there; for ever when it never is.
    pub async fn reached(&self) {
        let mut missing = self.0.clone();
        if missing.wait_for(Option::is_none).await.is_err() {
            // The server that made the schema ended without it.
            std::future::pending::<()>().await;
        }
    }

    /// Returns whether the schema is there and the database answers now. Adds a
    /// warning when the space for
    /// storage runs out. Without space the server is ready all the same: it serves reads.
    ///
    /// # Errors
    /// What is missing.
    pub async fn check(
        &self,
        store: &Store,
        storage: &StorageGauge,
    ) -> Result<Option<&'static str>, String> {
        if let Some(missing) = self.missing() {
            return Err(missing.to_owned());
        }
        store.ping().await.map_err(|error| error.to_string())?;
        Ok(match storage.level() {
            StorageLevel::Ok => None,
            StorageLevel::Near => Some("the space for storage runs out"),
            StorageLevel::Pruning => Some("the oldest days go to stay within the storage budget"),
            StorageLevel::Full => Some("there is no space to store more: ingest answers 503"),
        })
    }
}
