//! The blocks that a server found to be damaged.

use std::collections::HashSet;

use crate::block::Corrupt;
use crate::block::table::StoredBlock;

/// Ids of level-1 blocks that cannot be read and were reported. They stay as they are while one of
/// their traces is kept, and no partition is rewritten for their sake.
#[derive(Debug, Default)]
pub(crate) struct Damaged(HashSet<i64>);

impl Damaged {
    /// The ids, as a statement takes them.
    pub(super) fn ids(&self) -> Vec<i64> {
        self.0.iter().copied().collect()
    }

    /// Remembers a block; returns whether it was not known.
    pub(super) fn insert(&mut self, id: i64) -> bool {
        self.0.insert(id)
    }

    /// Remembers a block, and reports it unless it was known.
    pub(super) fn report(&mut self, block: &StoredBlock, corrupt: Corrupt) {
        if self.insert(block.id) {
            block.report(corrupt);
        }
    }
}
