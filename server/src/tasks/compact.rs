//! Moves spans from the blocks of commits into larger blocks and counts them in rollups.

use std::time::Duration;

use throughline_model::BoxFuture;
use throughline_store::{CompactionScope, Duty, Lead, StoreError};

use super::leader::Work;

pub(super) struct Compact;

impl Work for Compact {
    const DUTY: Duty = Duty::Compact;
    const PAUSE: Duration = Duration::from_secs(2);

    fn run<'a>(&'a mut self, lead: &'a mut Lead) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            // Without a pause for as long as anything is due.
            while lead.compact(CompactionScope::Due).await?.replaced_blocks > 0 {}
            Ok(())
        })
    }
}
