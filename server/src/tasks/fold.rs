//! Folds what commits added into rollups.

use std::time::Duration;

use throughline_model::BoxFuture;
use throughline_store::{Duty, Lead, StoreError};

use super::leader::Work;

pub(super) struct Fold;

impl Work for Fold {
    const DUTY: Duty = Duty::FoldRollups;
    /// Readers add what is not folded: the longer the pause, the more they add.
    const PAUSE: Duration = Duration::from_secs(5);

    fn run<'a>(&'a mut self, lead: &'a mut Lead) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let folded = lead.fold_rollups().await?;
            metrics::counter!("throughline_rollup_deltas_folded_total").increment(folded);
            Ok(())
        })
    }
}
