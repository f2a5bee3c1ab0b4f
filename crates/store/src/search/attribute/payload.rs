//! Values of a block that are stored as payloads: in the columns stands only a preview of them.

use std::collections::{HashMap, HashSet};

use crate::block::{Corrupt, Values};
use crate::payload_refs::{self, Reference};

/// Whether payloads pass the test of a number: what was found out by reading them.
pub(in crate::search) type Outcomes = HashMap<(u32, [u8; 16]), bool>;
/// Tests and payloads that were not read yet.
pub(in crate::search) type Unread = HashSet<(u32, [u8; 16])>;

/// The references of the spans of a block, by position; most spans have none.
#[derive(Debug, Default)]
pub(super) struct Offloaded(HashMap<usize, Vec<Reference>>);

impl Offloaded {
    pub(super) fn read(
        positions: impl Iterator<Item = usize>,
        mut values: Values<'_>,
    ) -> Result<Self, Corrupt> {
        let mut all = HashMap::new();
        for position in positions {
            let references = payload_refs::decode(values.next()?);
            all.insert(position, references.map_err(|_| Corrupt("payloads"))?);
        }
        Ok(Self(all))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn at(&self, position: usize) -> &[Reference] {
        self.0.get(&position).map_or(&[], Vec::as_slice)
    }
}
