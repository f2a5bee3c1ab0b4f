//! Attribute values in protobuf's JSON form, to a depth of 64.

use core::fmt;
use std::borrow::Cow;

use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use throughline_wire::attribute::{MAX_DEPTH, TOO_DEEP};
use throughline_wire::room::{self, Pairs};
use throughline_wire::{AttributeValue, Mark, Marks};

use super::scalar::{Double, decode_base64};
use crate::lenient::Number;

/// A list of keys and values, and what had to be repaired in it.
#[derive(Debug, Default)]
pub(super) struct KeyValues {
    pub(super) pairs: Pairs,
    pub(super) marks: Marks,
}

impl<'de> Deserialize<'de> for KeyValues {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut marks = Marks::NONE;
        let pairs = PairsSeed {
            depth: 1,
            marks: &mut marks,
        }
        .deserialize(deserializer)?;
        Ok(Self { pairs, marks })
    }
}

/// A value that is no attribute's, and what had to be repaired in it.
#[derive(Debug, Default)]
pub(super) struct AnyValue {
    pub(super) value: AttributeValue,
    pub(super) marks: Marks,
}

impl<'de> Deserialize<'de> for AnyValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut marks = Marks::NONE;
        let value = ValueSeed {
            depth: 1,
            marks: &mut marks,
        }
        .deserialize(deserializer)?;
        Ok(Self { value, marks })
    }
}

type Pair = (Cow<'static, str>, AttributeValue);

struct PairsSeed<'m> {
    depth: usize,
    marks: &'m mut Marks,
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
        let depth = self.depth;
        let has_room = |pairs: &Pairs| {
            if depth == 1 {
                pairs.is_open() && room::take()
            } else {
                room::take_item()
            }
        };
        while has_room(&pairs) {
            let seed = PairSeed {
                depth: self.depth,
                marks: &mut *self.marks,
            };
            match seq.next_element_seed(seed)? {
                Some(Some((key, value))) => pairs.push(key, value),
                Some(None) => {}
                None => return Ok(pairs),
            }
        }
        for _ in 0..room::skip_rest(seq)? {
            pairs.cut();
        }
        Ok(pairs)
    }
}

struct PairSeed<'m> {
    depth: usize,
    marks: &'m mut Marks,
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
                        marks: &mut *self.marks,
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

struct ValueSeed<'m> {
    depth: usize,
    marks: &'m mut Marks,
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = AttributeValue;

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<AttributeValue, D::Error> {
        if self.depth == 1 {
            room::begin_value();
        }
        if self.depth > MAX_DEPTH {
            IgnoredAny::deserialize(deserializer)?;
            self.marks.insert(Mark::NestedTooDeep);
            return Ok(AttributeValue::Str(Cow::Borrowed(TOO_DEEP)));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
    type Value = AttributeValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an attribute value such as {\"stringValue\": \"..\"}")
    }

    fn visit_unit<E: de::Error>(self) -> Result<AttributeValue, E> {
        Ok(AttributeValue::Empty)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AttributeValue, A::Error> {
        let mut value = AttributeValue::Empty;
        while let Some(field) = map.next_key::<Cow<'_, str>>()? {
            match field.as_ref() {
                "stringValue" | "string_value" => {
                    if let Some(text) = map.next_value::<Option<String>>()? {
                        value = text.into();
                    }
                }
                "boolValue" | "bool_value" => {
                    if let Some(truth) = map.next_value::<Option<bool>>()? {
                        value = truth.into();
                    }
                }
                "intValue" | "int_value" => {
                    if let Some(number) = map.next_value::<Option<Number>>()? {
                        let number = number
                            .int()
                            .ok_or_else(|| de::Error::custom("intValue does not fit in 64 bits"))?;
                        value = number.into();
                    }
                }
                // `null` is what JavaScript writes for NaN: no value rather than a wrong one.
                "doubleValue" | "double_value" => {
                    if let Some(number) = map.next_value::<Option<Double>>()? {
                        value = number.0.into();
                    }
                }
                "bytesValue" | "bytes_value" => {
                    let text = map.next_value::<Option<String>>()?.unwrap_or_default();
                    value = AttributeValue::Bytes(decode_base64(&text).map_err(de::Error::custom)?);
                }
                "arrayValue" | "array_value" => {
                    let seed = ValuesSeed {
                        list: ListSeed {
                            depth: self.depth + 1,
                            marks: &mut *self.marks,
                        },
                    };
                    value = AttributeValue::Array(map.next_value_seed(seed)?);
                }
                "kvlistValue" | "kvlist_value" => {
                    let seed = ValuesSeed {
                        list: PairsSeed {
                            depth: self.depth + 1,
                            marks: &mut *self.marks,
                        },
                    };
                    value = AttributeValue::Map(map.next_value_seed(seed)?.finish());
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(value)
    }
}

/// The object around a list: `{"values": [..]}`, where an empty list may be left out.
struct ValuesSeed<S> {
    list: S,
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

struct ListSeed<'m> {
    depth: usize,
    marks: &'m mut Marks,
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
        while room::take_item() {
            let seed = ValueSeed {
                depth: self.depth,
                marks: &mut *self.marks,
            };
            match seq.next_element_seed(seed)? {
                Some(value) => values.push(value),
                None => return Ok(values),
            }
        }
        let cut = room::skip_rest(seq)?;
        if cut > 0 {
            values.push(room::cut_text(cut));
        }
        Ok(values)
    }
}
