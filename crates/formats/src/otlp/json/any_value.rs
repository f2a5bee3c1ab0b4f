//! Decodes attribute values in protobuf's JSON form, to a depth of 64.

mod lists;

use core::fmt;
use std::borrow::Cow;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use throughline_codec::context::DecodeContext;
use throughline_codec::json::ReadJson;
use throughline_codec::pairs::AttributeSet;
use throughline_wire::attribute::{MAX_DEPTH, TOO_DEEP};
use throughline_wire::{AttributeValue, Attributes, Repair};

use self::lists::{ListSeed, PairsSeed, ValuesSeed};
use super::scalar::{Double, decode_base64};
use crate::lenient::Number;

/// A list of keys and values.
#[derive(Debug, Default)]
pub(super) struct KeyValues(AttributeSet);

impl KeyValues {
    pub(super) fn into_attributes(
        self,
        dropped: &mut u32,
        context: &mut DecodeContext,
    ) -> Attributes {
        self.0.into_attributes(dropped, context)
    }
}

impl<'de> ReadJson<'de> for KeyValues {
    fn read_json<D: Deserializer<'de>>(
        deserializer: D,
        context: &mut DecodeContext,
    ) -> Result<Self, D::Error> {
        let pairs = PairsSeed { depth: 1, context }.deserialize(deserializer)?;
        Ok(Self(pairs.into_set()))
    }
}

/// A value outside of a list of attributes.
#[derive(Debug, Default)]
pub(super) struct AnyValue(pub(super) AttributeValue);

impl<'de> ReadJson<'de> for AnyValue {
    fn read_json<D: Deserializer<'de>>(
        deserializer: D,
        context: &mut DecodeContext,
    ) -> Result<Self, D::Error> {
        let value = ValueSeed { depth: 1, context }.deserialize(deserializer)?;
        Ok(Self(value))
    }
}

struct ValueSeed<'c> {
    depth: usize,
    context: &'c mut DecodeContext,
}

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = AttributeValue;

    fn deserialize<D: Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<AttributeValue, D::Error> {
        if self.depth == 1 {
            self.context.budget.begin_value();
        }
        if self.depth > MAX_DEPTH {
            IgnoredAny::deserialize(deserializer)?;
            self.context.repair(Repair::NestedTooDeep);
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
                // JavaScript writes NaN as `null`. No value is better than a wrong one.
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
                            context: &mut *self.context,
                        },
                    };
                    value = AttributeValue::Array(map.next_value_seed(seed)?);
                }
                "kvlistValue" | "kvlist_value" => {
                    let seed = ValuesSeed {
                        list: PairsSeed {
                            depth: self.depth + 1,
                            context: &mut *self.context,
                        },
                    };
                    value = AttributeValue::Map(map.next_value_seed(seed)?.into_map(self.context));
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(value)
    }
}
