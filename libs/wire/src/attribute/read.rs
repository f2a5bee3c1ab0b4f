//! Reads the native JSON form of attribute values; the parent module describes the form.

use core::fmt;
use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{AttributeValue, Attributes, CUT_KEY, MAX_DEPTH, TOO_DEEP};

/// A limit on the number of values created from native JSON, for readers of untrusted input.
///
/// The `Deserialize` implementations of [`AttributeValue`] and [`Attributes`] have no limit. The
/// seeds of this module take one: they skip and count the values that the limit refuses.
pub trait ReadLimit {
    /// Reports that the reader begins an attribute value or a log body.
    fn begin_value(&mut self);

    /// Returns true if a set of `len` attributes may have one more.
    fn take_attribute(&mut self, len: usize) -> bool;

    /// Returns true if the current value may have one more item.
    fn take_item(&mut self) -> bool;

    /// Counts `count` left-out items of the current value and returns the text that replaces them.
    fn cut_items(&mut self, count: usize) -> AttributeValue;
}

/// A limit that allows everything.
struct Unlimited;

impl ReadLimit for Unlimited {
    fn begin_value(&mut self) {}

    fn take_attribute(&mut self, _: usize) -> bool {
        true
    }

    fn take_item(&mut self) -> bool {
        true
    }

    /// Never called, because this limit leaves nothing out.
    fn cut_items(&mut self, _: usize) -> AttributeValue {
        AttributeValue::Empty
    }
}

impl<'de> Deserialize<'de> for AttributeValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ValueSeed::new(&mut Unlimited).deserialize(deserializer)
    }
}

pub(super) fn read_all<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Attributes, D::Error> {
    let (attributes, _) = AttributesSeed::new(&mut Unlimited).deserialize(deserializer)?;
    Ok(attributes)
}

/// Reads a set of attributes within a limit. Also returns the number of left-out attributes.
pub struct AttributesSeed<'l, L> {
    limit: &'l mut L,
}

impl<'l, L: ReadLimit> AttributesSeed<'l, L> {
    /// Creates a seed that reads within `limit`.
    pub const fn new(limit: &'l mut L) -> Self {
        Self { limit }
    }
}

impl<'de, L: ReadLimit> DeserializeSeed<'de> for AttributesSeed<'_, L> {
    type Value = (Attributes, usize);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, L: ReadLimit> Visitor<'de> for AttributesSeed<'_, L> {
    type Value = (Attributes, usize);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of attributes")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok((Attributes::EMPTY, 0))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut pairs = Vec::new();
        while self.limit.take_attribute(pairs.len()) {
            let Some(key) = map.next_key::<String>()? else {
                return Ok((Attributes::from_pairs(pairs), 0));
            };
            let value = map.next_value_seed(ValueSeed::new(&mut *self.limit))?;
            pairs.push((Cow::Owned(key), value));
        }
        let left_out = skip_entries(map)?;
        Ok((Attributes::from_pairs(pairs), left_out))
    }
}

/// Skips the remaining entries of a map and returns their number.
fn skip_entries<'de, A: MapAccess<'de>>(mut map: A) -> Result<usize, A::Error> {
    let mut skipped = 0;
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
        skipped += 1;
    }
    Ok(skipped)
}

/// Reads an attribute value or a log body within a limit.
pub struct ValueSeed<'l, L> {
    limit: &'l mut L,
    depth: usize,
}

impl<'l, L: ReadLimit> ValueSeed<'l, L> {
    /// Creates a seed that reads within `limit`.
    pub const fn new(limit: &'l mut L) -> Self {
        Self { limit, depth: 1 }
    }

    /// Returns a seed for a nested value, one level deeper.
    const fn inner(&mut self) -> ValueSeed<'_, L> {
        ValueSeed {
            limit: &mut *self.limit,
            depth: self.depth + 1,
        }
    }

    /// Reads the remaining entries of a map after `pairs`, as far as the limit allows.
    fn entries<'de, A: MapAccess<'de>>(
        mut self,
        mut map: A,
        mut pairs: Vec<(Cow<'static, str>, AttributeValue)>,
    ) -> Result<AttributeValue, A::Error> {
        while self.limit.take_item() {
            match map.next_key::<String>()? {
                Some(key) => pairs.push((Cow::Owned(key), map.next_value_seed(self.inner())?)),
                None => return Ok(AttributeValue::Map(Attributes::from_pairs(pairs))),
            }
        }
        let left_out = skip_entries(map)?;
        Ok(self.cut_map(pairs, left_out))
    }

    /// Returns the map of `pairs` with an entry that reports `left_out` missing entries.
    fn cut_map(
        self,
        pairs: Vec<(Cow<'static, str>, AttributeValue)>,
        left_out: usize,
    ) -> AttributeValue {
        let mut attributes = Attributes::from_pairs(pairs);
        if left_out > 0 {
            attributes.insert(CUT_KEY, self.limit.cut_items(left_out));
        }
        AttributeValue::Map(attributes)
    }
}

impl<'de, L: ReadLimit> DeserializeSeed<'de> for ValueSeed<'_, L> {
    type Value = AttributeValue;

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<AttributeValue, D::Error> {
        if self.depth == 1 {
            self.limit.begin_value();
        }
        if self.depth > MAX_DEPTH {
            IgnoredAny::deserialize(deserializer)?;
            return Ok(AttributeValue::Str(Cow::Borrowed(TOO_DEEP)));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de, L: ReadLimit> Visitor<'de> for ValueSeed<'_, L> {
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

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<AttributeValue, A::Error> {
        let mut values = Vec::new();
        while self.limit.take_item() {
            match seq.next_element_seed(self.inner())? {
                Some(value) => values.push(value),
                None => return Ok(AttributeValue::Array(values)),
            }
        }
        let mut left_out = 0;
        while seq.next_element::<IgnoredAny>()?.is_some() {
            left_out += 1;
        }
        if left_out > 0 {
            values.push(self.limit.cut_items(left_out));
        }
        Ok(AttributeValue::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<AttributeValue, A::Error> {
        let Some(tag) = map.next_key::<String>()? else {
            return Ok(AttributeValue::Map(Attributes::EMPTY));
        };
        let value = match tag.as_str() {
            "$int" => {
                let text = map.next_value::<String>()?;
                AttributeValue::Int(text.parse().map_err(|_| {
                    de::Error::custom(format_args!("$int has {text:?}: expected a whole number"))
                })?)
            }
            "$double" => match map.next_value::<String>()?.as_str() {
                "NaN" => AttributeValue::Double(f64::NAN),
                "Infinity" => AttributeValue::Double(f64::INFINITY),
                "-Infinity" => AttributeValue::Double(f64::NEG_INFINITY),
                text => {
                    return Err(de::Error::custom(format_args!(
                        "$double has {text:?}: expected NaN, Infinity or -Infinity"
                    )));
                }
            },
            "$bytes" => {
                let text = map.next_value::<String>()?;
                AttributeValue::Bytes(STANDARD.decode(&text).map_err(|error| {
                    de::Error::custom(format_args!("$bytes is not base64: {error}"))
                })?)
            }
            "$map" => map.next_value_seed(MapSeed(ValueSeed {
                limit: &mut *self.limit,
                depth: self.depth,
            }))?,
            // An untagged object is a map too: people write maps this way by hand.
            _ => {
                if self.limit.take_item() {
                    let value = map.next_value_seed(self.inner())?;
                    return self.entries(map, vec![(Cow::Owned(tag), value)]);
                }
                map.next_value::<IgnoredAny>()?;
                let left_out = 1 + skip_entries(map)?;
                return Ok(self.cut_map(Vec::new(), left_out));
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

/// Reads the object inside `$map`; its keys are never tags.
struct MapSeed<'l, L>(ValueSeed<'l, L>);

impl<'de, L: ReadLimit> DeserializeSeed<'de> for MapSeed<'_, L> {
    type Value = AttributeValue;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, L: ReadLimit> Visitor<'de> for MapSeed<'_, L> {
    type Value = AttributeValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of attributes")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(AttributeValue::Map(Attributes::EMPTY))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        self.0.entries(map, Vec::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize, wrap: impl Fn(AttributeValue) -> AttributeValue) -> Attributes {
        let value = (1..levels).fold(AttributeValue::Int(1), |value, _| wrap(value));
        [("k", value)].into_iter().collect()
    }

    #[test]
    fn values_nested_as_deep_as_allowed_read_back_in_every_form() {
        for key in ["plain", "$tagged"] {
            let attributes = nested(MAX_DEPTH, |value| {
                AttributeValue::Map([(key, value)].into_iter().collect())
            });
            let json = serde_json::to_string(&attributes).expect("serialises");
            let mut reader = serde_json::Deserializer::from_str(&json);
            reader.disable_recursion_limit();
            let read = Attributes::deserialize(&mut reader);
            assert_eq!(read.expect("reads"), attributes, "{key}");
        }
    }
}
