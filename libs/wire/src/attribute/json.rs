//! The native JSON form of attribute values; see the parent module for its rules.

use core::fmt;
use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{AttributeValue, Attributes, MAX_DEPTH, TOO_DEEP};
use crate::room::{self, Pairs};

/// Whole numbers beyond this are written as `{"$int": ".."}`: JavaScript would round them.
const MAX_SAFE_INTEGER: i64 = 9_007_199_254_740_991;

struct Tagged<'a, T: ?Sized>(&'static str, &'a T);

impl<T: Serialize + ?Sized> Serialize for Tagged<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.0, self.1)?;
        map.end()
    }
}

impl Serialize for AttributeValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Empty => serializer.serialize_unit(),
            Self::Str(text) => serializer.serialize_str(text),
            Self::Bool(truth) => serializer.serialize_bool(*truth),
            Self::Int(number) if number.unsigned_abs() <= MAX_SAFE_INTEGER.unsigned_abs() => {
                serializer.serialize_i64(*number)
            }
            Self::Int(number) => Tagged("$int", &number.to_string()).serialize(serializer),
            Self::Double(number) if number.is_nan() => {
                Tagged("$double", "NaN").serialize(serializer)
            }
            Self::Double(number) if number.is_infinite() => {
                let text = if *number > 0.0 {
                    "Infinity"
                } else {
                    "-Infinity"
                };
                Tagged("$double", text).serialize(serializer)
            }
            Self::Double(number) => serializer.serialize_f64(*number),
            Self::Bytes(bytes) => Tagged("$bytes", &STANDARD.encode(bytes)).serialize(serializer),
            Self::Array(values) => serializer.collect_seq(values),
            // A reader looks at the first key only, so only there a `$` could mislead it.
            Self::Map(attributes) => match attributes.iter().next() {
                Some((key, _)) if key.starts_with('$') => {
                    Tagged("$map", attributes).serialize(serializer)
                }
                _ => attributes.serialize(serializer),
            },
        }
    }
}

impl<'de> Deserialize<'de> for AttributeValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ValueSeed { depth: 1 }.deserialize(deserializer)
    }
}

pub(super) fn attributes<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Attributes, D::Error> {
    AttributesSeed { depth: 0 }.deserialize(deserializer)
}

#[derive(Clone, Copy)]
struct AttributesSeed {
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for AttributesSeed {
    type Value = Attributes;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Attributes, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AttributesSeed {
    type Value = Attributes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of attributes")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Attributes, E> {
        Ok(Attributes::EMPTY)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Attributes, A::Error> {
        let seed = ValueSeed {
            depth: self.depth + 1,
        };
        entries(map, seed, Pairs::default())
    }
}

/// The rest of a map, as far as there is room.
fn entries<'de, A: MapAccess<'de>>(
    mut map: A,
    seed: ValueSeed,
    mut pairs: Pairs,
) -> Result<Attributes, A::Error> {
    loop {
        if (seed.depth == 1 && !pairs.is_open()) || !seed.take() {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
                pairs.cut();
            }
            return Ok(pairs.finish());
        }
        match map.next_key::<String>()? {
            Some(key) => pairs.push(Cow::Owned(key), map.next_value_seed(seed)?),
            None => return Ok(pairs.finish()),
        }
    }
}

#[derive(Clone, Copy)]
struct ValueSeed {
    depth: usize,
}

impl ValueSeed {
    /// Whether there is room for such a value: an attribute's own is at depth 1.
    fn take(self) -> bool {
        if self.depth == 1 {
            room::take()
        } else {
            room::take_item()
        }
    }
}

impl<'de> DeserializeSeed<'de> for ValueSeed {
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
            return Ok(AttributeValue::Str(Cow::Borrowed(TOO_DEEP)));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed {
    type Value = AttributeValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an attribute value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<AttributeValue, E> {
        Ok(AttributeValue::Empty)
    }

    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<AttributeValue, E> {
        Ok(AttributeValue::Bool(truth))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<AttributeValue, E> {
        Ok(AttributeValue::Int(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<AttributeValue, E> {
        Ok(match i64::try_from(number) {
            Ok(number) => AttributeValue::Int(number),
            Err(_) => AttributeValue::Double(number as f64),
        })
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<AttributeValue, E> {
        Ok(AttributeValue::Double(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<AttributeValue, E> {
        Ok(AttributeValue::Str(Cow::Owned(text.to_owned())))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<AttributeValue, E> {
        Ok(AttributeValue::Str(Cow::Owned(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<AttributeValue, A::Error> {
        let seed = Self {
            depth: self.depth + 1,
        };
        let mut values = Vec::new();
        while room::take_item() {
            match seq.next_element_seed(seed)? {
                Some(value) => values.push(value),
                None => return Ok(AttributeValue::Array(values)),
            }
        }
        let cut = room::skip_rest(seq)?;
        if cut > 0 {
            values.push(room::cut_text(cut));
        }
        Ok(AttributeValue::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AttributeValue, A::Error> {
        let Some(tag) = map.next_key::<String>()? else {
            return Ok(AttributeValue::Map(Attributes::EMPTY));
        };
        let value = match tag.as_str() {
            "$int" => {
                let text = map.next_value::<String>()?;
                AttributeValue::Int(text.parse().map_err(|_| {
                    de::Error::custom(format_args!("$int holds {text:?}, not a whole number"))
                })?)
            }
            "$double" => match map.next_value::<String>()?.as_str() {
                "NaN" => AttributeValue::Double(f64::NAN),
                "Infinity" => AttributeValue::Double(f64::INFINITY),
                "-Infinity" => AttributeValue::Double(f64::NEG_INFINITY),
                text => {
                    return Err(de::Error::custom(format_args!(
                        "$double holds {text:?}, not NaN, Infinity or -Infinity"
                    )));
                }
            },
            "$bytes" => {
                let text = map.next_value::<String>()?;
                AttributeValue::Bytes(STANDARD.decode(&text).map_err(|error| {
                    de::Error::custom(format_args!("$bytes is not base64: {error}"))
                })?)
            }
            "$map" => AttributeValue::Map(map.next_value_seed(AttributesSeed {
                depth: self.depth + 1,
            })?),
            // An untagged object is a map too: what a person would write by hand.
            _ => {
                let seed = Self {
                    depth: self.depth + 1,
                };
                let mut pairs = Pairs::default();
                if room::take_item() {
                    pairs.push(Cow::Owned(tag), map.next_value_seed(seed)?);
                } else {
                    map.next_value::<IgnoredAny>()?;
                    pairs.cut();
                }
                return entries(map, seed, pairs).map(AttributeValue::Map);
            }
        };
        match map.next_key::<String>()? {
            Some(key) => Err(de::Error::custom(format_args!(
                "{key:?} stands beside the tag {tag:?}"
            ))),
            None => Ok(value),
        }
    }
}
