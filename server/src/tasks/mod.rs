//! What runs in the background: work that one server at a time does for all, and each server's
//! own watch over the storage.

mod compact;
mod job;
mod retain;
mod storage;

use std::path::PathBuf;
use std::sync::Arc;

use throughline_model::RetentionRules;
use throughline_store::Store;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use self::storage::{StorageLimits, StorageWatch};
use crate::clock::Clock;
use crate::readiness::Readiness;

/// What the tasks go by.
#[derive(Debug, Clone)]
pub struct TaskOptions {
    /// How long what is kept.
    pub rules: RetentionRules,
    /// How large the database may become.
    pub limits: StorageLimits,
    /// The folder of the private cluster, whose disk is watched; none for a database elsewhere.
    pub data_dir: Option<PathBuf>,
}

/// The running tasks.
pub struct Tasks {
    tasks: JoinSet<()>,
    storage: StorageWatch,
}

impl Tasks {
    /// Starts them; they end when `stopping` becomes true, in the middle of a step if need be:
    /// what a step did not finish is undone by the database.
    pub fn start(
        store: &Arc<Store>,
        readiness: &Readiness,
        clock: Clock,
        options: TaskOptions,
        stopping: &watch::Receiver<bool>,
    ) -> Self {
        let mut tasks = JoinSet::new();
        let storage = StorageWatch::start(
            Arc::clone(store),
            options.limits,
            options.data_dir,
            stopping.clone(),
            &mut tasks,
        );
        tasks.spawn(job::run_job(
            Arc::clone(store),
            readiness.clone(),
            compact::Compact,
            stopping.clone(),
        ));
        let retain = retain::RetainTask::new(options.rules, clock, storage.clone());
        tasks.spawn(job::run_job(
            Arc::clone(store),
            readiness.clone(),
            retain,
            stopping.clone(),
        ));
        Self { tasks, storage }
    }

    /// How large the database is beside its limits.
    pub fn storage(&self) -> StorageWatch {
        self.storage.clone()
    }

    /// Waits for all of them to end.
    pub async fn ended(mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a background task stopped unexpectedly");
            }
        }
    }
}
