//! Decodes lists of values and lists of attributes.

use core::fmt;
use std::borrow::Cow;

use serde::de::value::{self, BoolDeserializer, SeqAccessDeserializer};
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use throughline_codec::context::DecodeContext;
use throughline_codec::json::{skip_fields, skip_rest};
use throughline_codec::pairs::Pairs;
use throughline_wire::AttributeValue;

use super::ValueSeed;
use super::text::TextSeed;

type Pair = (Cow<'static, str>, AttributeValue);

pub(super) struct PairsSeed<'c> {
    pub(super) depth: usize,
    pub(super) context: &'c mut DecodeContext,
}

impl PairsSeed<'_> {
    fn unreadable(self) -> Pairs {
        self.context.repair_unreadable();
        Pairs::default()
    }
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

    throughline_codec::visit_scalars!(unreadable);

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Pairs, A::Error> {
        skip_fields(map)?;
        Ok(self.unreadable())
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

impl PairSeed<'_> {
    fn unreadable(self) -> Option<Pair> {
        self.context.repair_unreadable();
        None
    }
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

    throughline_codec::visit_scalars!(unreadable);

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Option<Pair>, A::Error> {
        skip_rest(seq)?;
        Ok(self.unreadable())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<Pair>, A::Error> {
        let mut key = Cow::Borrowed("");
        let mut value = AttributeValue::Empty;
        while let Some(field) = map.next_key::<Cow<'_, str>>()? {
            match field.as_ref() {
                "key" => {
                    let text = map.next_value_seed(TextSeed(&mut *self.context))?;
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

impl<S> ValuesSeed<S> {
    /// The list reports the value, because it is not a list.
    fn unreadable<'de, T: Default>(self) -> T
    where
        S: DeserializeSeed<'de, Value = T>,
    {
        let not_a_list = BoolDeserializer::<value::Error>::new(false);
        self.list.deserialize(not_a_list).unwrap_or_default()
    }
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

    throughline_codec::visit_scalars!(unreadable);

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<T, A::Error> {
        self.list.deserialize(SeqAccessDeserializer::new(seq))
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

impl ListSeed<'_> {
    fn unreadable(self) -> Vec<AttributeValue> {
        self.context.repair_unreadable();
        Vec::new()
    }
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

    throughline_codec::visit_scalars!(unreadable);

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Vec<AttributeValue>, A::Error> {
        skip_fields(map)?;
        Ok(self.unreadable())
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
