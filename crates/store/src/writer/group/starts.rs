//! The starts of a group, and the rejected ones among them.

use std::collections::BTreeSet;

use super::Group;
use crate::writer::open_spans::OpenSpanKey;

impl Group {
    /// Returns the keys of its starts, in the order of arrival.
    pub(in crate::writer) fn starts(&self) -> impl Iterator<Item = OpenSpanKey> {
        self.with_reports()
            .flat_map(|batch| batch.open.iter().map(|open| open.key(batch.tenant)))
    }

    /// Counts the starts in `refused` as rejected and the others as stored; replaces earlier
    /// results.
    pub(in crate::writer) fn settle_starts(
        &mut self,
        refused: &BTreeSet<OpenSpanKey>,
        reason: &str,
    ) {
        for (batch, outcome) in self.batches.iter().zip(&mut self.outcomes) {
            if let Ok(outcome) = outcome {
                let open = batch.open.iter();
                outcome.rejected_starts = open
                    .filter(|open| refused.contains(&open.key(batch.tenant)))
                    .map(|open| open.rejection(reason))
                    .collect();
            }
        }
    }
}
