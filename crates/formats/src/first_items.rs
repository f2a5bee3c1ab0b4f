//! A list of which the first items are read and the others counted.

use core::fmt;
use core::marker::PhantomData;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use throughline_wire::room;

/// At most [`room::LIST_ITEMS`] items; `null` is an empty list.
#[derive(Debug)]
pub(crate) struct FirstItems<T> {
    pub(crate) items: Vec<T>,
    /// How many more there were.
    pub(crate) beyond: usize,
}

impl<T> Default for FirstItems<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            beyond: 0,
        }
    }
}

impl<T> FirstItems<T> {
    /// A count of dropped items, with those that were not read.
    pub(crate) fn add_beyond(&self, dropped: u32) -> u32 {
        dropped.saturating_add(u32::try_from(self.beyond).unwrap_or(u32::MAX))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for FirstItems<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Items<T> {
            type Value = FirstItems<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
                Ok(FirstItems::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
                let (items, beyond) = room::first_items(seq)?;
                Ok(FirstItems { items, beyond })
            }
        }

        deserializer.deserialize_any(Items(PhantomData))
    }
}
