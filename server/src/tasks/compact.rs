//! Moves spans from the blocks of commits into larger blocks and counts them in rollups.

use std::time::Duration;

use throughline_model::BoxFuture;
use throughline_store::{CompactionScope, JobKind, LeaderLock, StoreError};

use super::job::Job;
use super::storage::StorageWatch;

pub(super) struct Compact {
    storage: StorageWatch,
}

impl Compact {
    pub(super) const fn new(storage: StorageWatch) -> Self {
        Self { storage }
    }
}

impl Job for Compact {
    const KIND: JobKind = JobKind::Compact;
    const PAUSE: Duration = Duration::from_secs(2);

    fn run<'a>(&'a mut self, lock: &'a mut LeaderLock) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            // Runs without a pause while any compaction is due. A step writes the new blocks before
            // it deletes the old ones.
            while self.storage.gauge().may_rewrite()
                && lock.compact(CompactionScope::Due).await?.replaced_blocks > 0
            {}
            Ok(())
        })
    }
}
