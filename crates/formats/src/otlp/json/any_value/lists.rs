//! Decodes lists of values and lists of attributes.

use core::fmt;
use std::borrow::Cow;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use throughline_codec::context::DecodeContext;
use throughline_codec::json::skip_rest;
use throughline_codec::pairs::Pairs;
use throughline_wire::AttributeValue;

use super::ValueSeed;

type Pair = (Cow<'static, str>, AttributeValue);

pub(super) struct PairsSeed<'c> {
    pub(super) depth: usize,
    pub(super) context: &'c mut DecodeContext,
}

impl<'de> DeserializeSeed<'de> for PairsSeed<'_> {
    type Value = Pairs;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Pairs, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for PairsSeed<'_> {
    type Value = Pairs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of {key, value}")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Pairs, E> {
        Ok(Pairs::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Pairs, A::Error> {
        let mut pairs = Pairs::default();
        while pairs.take(self.depth, self.context) {
            let seed = PairSeed {
                depth: self.depth,
                context: &mut *self.context,
            };
            match seq.next_element_seed(seed)? {
                Some(Some((key, value))) => pairs.push(key, value),
                Some(None) => {}
                None => return Ok(pairs),
            }
        }
        pairs.leave_out(skip_rest(seq)?);
        Ok(pairs)
    }
}

struct PairSeed<'c> {
    depth: usize,
    context: &'c mut DecodeContext,
}

impl<'de> DeserializeSeed<'de> for PairSeed<'_> {
    type Value = Option<Pair>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Pair>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for PairSeed<'_> {
    type Value = Option<Pair>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of key and value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Option<Pair>, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<Pair>, A::Error> {
        let mut key = Cow::Borrowed("");
        let mut value = AttributeValue::Empty;
        while let Some(field) = map.next_key::<Cow<'_, str>>()? {
            match field.as_ref() {
                "key" => {
                    let text = map.next_value::<Option<String>>()?;
                    key = text.unwrap_or_default().into();
                }
                "value" => {
                    let seed = ValueSeed {
                        depth: self.depth,
                        context: &mut *self.context,
                    };
                    value = map.next_value_seed(seed)?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(Some((key, value)))
    }
}

/// Decodes the object around a list: `{"values": [..]}`. An empty list may be left out.
pub(super) struct ValuesSeed<S> {
    pub(super) list: S,
}

impl<'de, T: Default, S: DeserializeSeed<'de, Value = T>> DeserializeSeed<'de> for ValuesSeed<S> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Default, S: DeserializeSeed<'de, Value = T>> Visitor<'de> for ValuesSeed<S> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of values")
    }

    fn visit_unit<E: de::Error>(self) -> Result<T, E> {
        Ok(T::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let mut list = Some(self.list);
        let mut values = T::default();
        while let Some(field) = map.next_key::<Cow<'_, str>>()? {
            match (field.as_ref(), list.take()) {
                ("values", Some(seed)) => values = map.next_value_seed(seed)?,
                (_, untouched) => {
                    list = untouched;
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(values)
    }
}

pub(super) struct ListSeed<'c> {
    pub(super) depth: usize,
    pub(super) context: &'c mut DecodeContext,
}

impl<'de> DeserializeSeed<'de> for ListSeed<'_> {
    type Value = Vec<AttributeValue>;

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Vec<AttributeValue>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ListSeed<'_> {
    type Value = Vec<AttributeValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of values")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Vec<AttributeValue>, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<AttributeValue>, A::Error> {
        let mut values = Vec::new();
        while self.context.budget.take_item() {
            let seed = ValueSeed {
                depth: self.depth,
                context: &mut *self.context,
            };
            match seq.next_element_seed(seed)? {
                Some(value) => values.push(value),
                None => return Ok(values),
            }
        }
        let left_out = skip_rest(seq)?;
        if left_out > 0 {
            values.push(self.context.cut_items(left_out));
        }
        Ok(values)
    }
}
