//! Decodes attribute values in protobuf's JSON form, to a depth of 64.

mod lists;
mod text;

use core::fmt;
use std::borrow::Cow;

use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;
use throughline_codec::context::DecodeContext;
use throughline_codec::json::{ReadJson, unreadable};
use throughline_codec::pairs::AttributeSet;
use throughline_wire::attribute::{MAX_DEPTH, TOO_DEEP};
use throughline_wire::{AttributeValue, Attributes, Repair};

use self::lists::{ListSeed, PairsSeed, ValuesSeed};
use self::text::TextSeed;
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

impl ValueSeed<'_> {
    /// Sets `value` to the one in `raw`, unless that is `null`. One that cannot be read becomes its
    /// text.
    fn leaf(
        &mut self,
        raw: &RawValue,
        value: &mut AttributeValue,
        read: impl Fn(&str) -> Result<AttributeValue, serde_json::Error>,
    ) {
        if raw.get() != "null" {
            *value = read(raw.get()).unwrap_or_else(|_| unreadable(raw, self.context));
        }
    }
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

    // Values that stand where an object with their kind should be.

    fn visit_bool<E: de::Error>(self, truth: bool) -> Result<AttributeValue, E> {
        Ok(truth.into())
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<AttributeValue, E> {
        Ok(number.into())
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<AttributeValue, E> {
        Ok(match i64::try_from(number) {
            Ok(number) => number.into(),
            Err(_) => number.to_string().into(),
        })
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<AttributeValue, E> {
        Ok(number.into())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<AttributeValue, E> {
        Ok(text.to_owned().into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<AttributeValue, A::Error> {
        let list = ListSeed {
            depth: self.depth + 1,
            context: self.context,
        };
        list.visit_seq(seq).map(AttributeValue::Array)
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<AttributeValue, A::Error> {
        let mut value = AttributeValue::Empty;
        while let Some(field) = map.next_key::<Cow<'_, str>>()? {
            match field.as_ref() {
                "stringValue" | "string_value" => {
                    if let Some(text) = map.next_value_seed(TextSeed(&mut *self.context))? {
                        value = text.into();
                    }
                }
                "boolValue" | "bool_value" => {
                    self.leaf(map.next_value()?, &mut value, |raw| {
                        Ok(serde_json::from_str::<bool>(raw)?.into())
                    });
                }
                "intValue" | "int_value" => {
                    self.leaf(map.next_value()?, &mut value, |raw| {
                        let number = serde_json::from_str::<Number>(raw)?.int();
                        Ok(number
                            .ok_or_else(|| de::Error::custom("beyond 64 bits"))?
                            .into())
                    });
                }
                // JavaScript writes NaN as `null`. No value is better than a wrong one.
                "doubleValue" | "double_value" => {
                    let raw = map.next_value::<&RawValue>()?;
                    let overflow = raw.get().parse().unwrap_or(0.0_f64);
                    if overflow.is_infinite() {
                        self.context.repair(Repair::NumberOverflow);
                        value = overflow.into();
                    } else {
                        self.leaf(raw, &mut value, |raw| {
                            Ok(serde_json::from_str::<Double>(raw)?.0.into())
                        });
                    }
                }
                "bytesValue" | "bytes_value" => {
                    self.leaf(map.next_value()?, &mut value, |raw| {
                        let text: String = serde_json::from_str(raw)?;
                        let bytes = decode_base64(&text).map_err(de::Error::custom)?;
                        Ok(AttributeValue::Bytes(bytes))
                    });
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
