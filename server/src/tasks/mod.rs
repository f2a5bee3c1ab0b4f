//! The background tasks: the scheduled jobs, which one server at a time runs for all, and the
//! storage watch of each server.

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

/// The options of the tasks.
#[derive(Debug, Clone)]
pub struct TaskOptions {
    /// The retention rules.
    pub rules: RetentionRules,
    /// The storage limits.
    pub limits: StorageLimits,
    /// The folder of the private cluster, whose disk is watched; `None` for another database.
    pub data_dir: Option<PathBuf>,
}

/// The running tasks.
pub struct Tasks {
    tasks: JoinSet<()>,
    storage: StorageWatch,
}

impl Tasks {
    /// Starts the tasks. They end when `stopping` is true, even within a step: the database rolls
    /// back an unfinished step.
    pub fn start(
        store: &Arc<Store>,
        readiness: &Readiness,
        clock: Clock,
        options: TaskOptions,
        stopping: &watch::Receiver<bool>,
    ) -> Self {
        let rules = options.rules;
        let mut tasks = Self::start_for_import(store, readiness, options, stopping);
        let retain = retain::RetainTask::new(rules, clock, tasks.storage());
        tasks.tasks.spawn(job::run_job(
            Arc::clone(store),
            readiness.clone(),
            retain,
            stopping.clone(),
        ));
        tasks
    }

    /// Starts the tasks that a process with a writer needs: the storage watch, and compaction, which
    /// waits while a server compacts. They end when `stopping` is true.
    pub fn start_for_import(
        store: &Arc<Store>,
        readiness: &Readiness,
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
            compact::Compact::new(storage.clone()),
            stopping.clone(),
        ));
        Self { tasks, storage }
    }

    /// Returns the watch of the size of the database and its limits.
    pub fn storage(&self) -> StorageWatch {
        self.storage.clone()
    }

    /// Waits until all tasks have ended.
    pub async fn ended(mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a background task stopped unexpectedly");
            }
        }
    }
}
