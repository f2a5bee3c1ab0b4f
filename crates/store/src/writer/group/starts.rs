//! The starts in a group: which there are, and which of them are refused.

use std::collections::BTreeSet;

use super::Group;
use crate::writer::open_spans::Key;

impl Group {
    /// Its starts by what they are stored under, in the order they came.
    pub(in crate::writer) fn starts(&self) -> impl Iterator<Item = Key> {
        self.telling()
            .flat_map(|batch| batch.open.iter().map(|open| open.key(batch.tenant)))
    }

    /// Counts the starts in `refused` as refused and the others as stored, whatever was said of
    /// them before.
    pub(in crate::writer) fn settle_starts(&mut self, refused: &BTreeSet<Key>, reason: &str) {
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
