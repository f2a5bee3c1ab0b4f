//! A list of parts of the request, each as the text it was sent as, and of bounded length.

use core::fmt;

use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use serde_json::value::RawValue;
use throughline_wire::decode::MAX_SPANS;

/// At most [`MAX_SPANS`] items; `null` is an empty list. Seven million `{}` in one body must not
/// cost seven million places.
#[derive(Debug, Default)]
pub(crate) struct Capped<'a>(pub(crate) Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Capped<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items;

        impl<'de> Visitor<'de> for Items {
            type Value = Vec<&'de RawValue>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
                Ok(Vec::new())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    if items.len() == MAX_SPANS {
                        let message = format_args!("more than {MAX_SPANS} items");
                        return Err(de::Error::custom(message));
                    }
                    items.push(item);
                }
                Ok(items)
            }
        }

        deserializer.deserialize_any(Items).map(Self)
    }
}
