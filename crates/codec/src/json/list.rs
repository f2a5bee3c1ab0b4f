//! Lists that are read up to a limit; the other items are counted.

use core::fmt;
use core::marker::PhantomData;

use serde::de::{self, Deserializer, IgnoredAny, SeqAccess, Visitor};

use super::{ReadJson, Seed};
use crate::budget::LIST_ITEMS;
use crate::context::DecodeContext;

/// The first [`LIST_ITEMS`] items of a list, or fewer if the budget is spent. `null` is an empty
/// list.
#[derive(Debug)]
pub struct FirstItems<T> {
    /// The items.
    pub items: Vec<T>,
    /// The number of items that were left out.
    pub beyond: usize,
}

impl<T> Default for FirstItems<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            beyond: 0,
        }
    }
}

impl<'de, T: ReadJson<'de>> ReadJson<'de> for FirstItems<T> {
    fn read_json<D: Deserializer<'de>>(
        deserializer: D,
        context: &mut DecodeContext,
    ) -> Result<Self, D::Error> {
        struct Items<'c, T>(&'c mut DecodeContext, PhantomData<T>);

        impl<'de, T: ReadJson<'de>> Visitor<'de> for Items<'_, T> {
            type Value = FirstItems<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
                Ok(FirstItems::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while items.len() < LIST_ITEMS && !self.0.budget.is_spent() {
                    match seq.next_element_seed(Seed::new(&mut *self.0))? {
                        Some(item) => items.push(item),
                        None => return Ok(FirstItems { items, beyond: 0 }),
                    }
                    self.0.budget.take();
                }
                let beyond = skip_rest(seq)?;
                Ok(FirstItems { items, beyond })
            }
        }

        deserializer.deserialize_any(Items(context, PhantomData))
    }
}

/// Skips the rest of a list and returns the number of skipped items.
///
/// # Errors
/// Fails if the JSON is malformed.
pub fn skip_rest<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<usize, A::Error> {
    let mut skipped = 0;
    while seq.next_element::<IgnoredAny>()?.is_some() {
        skipped += 1;
    }
    Ok(skipped)
}
