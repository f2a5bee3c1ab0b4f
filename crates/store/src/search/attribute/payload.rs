//! The offloaded payloads of a block. The columns hold only previews of them.

use std::collections::HashMap;

use crate::block::{Corrupt, Values};
use crate::payload_refs::{self, Reference};

/// The payload references of spans, by position. Most spans have none.
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
