//! Parts of an object that are read whatever their type is: a bad part costs that part alone.

use core::fmt;
use std::borrow::Cow;

use serde::de::{
    self, Deserialize, DeserializeOwned, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;
use throughline_wire::{AttributeValue, Attributes};

use super::{NativeValue, ReadJson, read_item, skip_rest};
use crate::context::DecodeContext;
use crate::pairs::{AttributeSet, Pairs};

/// A field that is its default value, and a repair, if it cannot be read. A list or an object
/// cannot be read.
#[derive(Debug, Default)]
pub struct Lenient<T>(pub T);

impl<'de, T: DeserializeOwned + Default> ReadJson<'de> for Lenient<T> {
    fn read_json<D: Deserializer<'de>>(
        deserializer: D,
        context: &mut DecodeContext,
    ) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer)?.get();
        if raw == "null" {
            return Ok(Self::default());
        }
        if !raw.starts_with(['[', '{'])
            && let Ok(read) = read_item(raw, false, context)
        {
            return Ok(Self(read));
        }
        context.repair_unreadable();
        Ok(Self::default())
    }
}

/// Implements the methods of a visitor for booleans, numbers and texts by one method that returns the
/// value for all of them.
#[macro_export]
macro_rules! visit_scalars {
    ($method:ident) => {
        fn visit_bool<E: $crate::json::serde::de::Error>(self, _: bool) -> Result<Self::Value, E> {
            Ok(self.$method())
        }

        fn visit_i64<E: $crate::json::serde::de::Error>(self, _: i64) -> Result<Self::Value, E> {
            Ok(self.$method())
        }

        fn visit_u64<E: $crate::json::serde::de::Error>(self, _: u64) -> Result<Self::Value, E> {
            Ok(self.$method())
        }

        fn visit_f64<E: $crate::json::serde::de::Error>(self, _: f64) -> Result<Self::Value, E> {
            Ok(self.$method())
        }

        fn visit_str<E: $crate::json::serde::de::Error>(self, _: &str) -> Result<Self::Value, E> {
            Ok(self.$method())
        }
    };
}

/// Skips the rest of an object.
///
/// # Errors
/// Fails if the JSON is malformed.
pub fn skip_fields<'de, A: MapAccess<'de>>(mut map: A) -> Result<(), A::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

/// Returns the value that stands for one that cannot be read: its text.
pub fn unreadable(raw: &RawValue, context: &mut DecodeContext) -> AttributeValue {
    context.repair_unreadable();
    let text = serde_json::from_str::<String>(raw.get());
    AttributeValue::Str(Cow::Owned(text.unwrap_or_else(|_| raw.get().to_owned())))
}

/// Attributes in the native JSON form. A value that cannot be read becomes its text.
#[derive(Debug, Default)]
pub struct LenientAttributes(AttributeSet);

impl LenientAttributes {
    /// Returns the attributes as [`AttributeSet::into_attributes`] does.
    pub fn into_attributes(self, dropped: &mut u32, context: &mut DecodeContext) -> Attributes {
        self.0.into_attributes(dropped, context)
    }
}

impl<'de> ReadJson<'de> for LenientAttributes {
    fn read_json<D: Deserializer<'de>>(
        deserializer: D,
        context: &mut DecodeContext,
    ) -> Result<Self, D::Error> {
        let pairs = deserializer.deserialize_any(PairsVisitor(context))?;
        Ok(Self(pairs.into_set()))
    }
}

struct PairsVisitor<'c>(&'c mut DecodeContext);

impl PairsVisitor<'_> {
    fn nothing(self) -> Pairs {
        self.0.repair_unreadable();
        Pairs::default()
    }
}

impl<'de> Visitor<'de> for PairsVisitor<'_> {
    type Value = Pairs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of attributes")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Pairs, E> {
        Ok(Pairs::default())
    }

    crate::visit_scalars!(nothing);

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Pairs, A::Error> {
        skip_rest(seq)?;
        Ok(self.nothing())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
        let context = self.0;
        let mut pairs = Pairs::default();
        while let Some((key, raw)) = map.next_entry::<String, &RawValue>()? {
            if !pairs.take(1, context) {
                pairs.leave_out(1);
                continue;
            }
            let value = match read_item::<NativeValue>(raw.get(), false, context) {
                Ok(value) => value.0,
                Err(_) => unreadable(raw, context),
            };
            pairs.push(Cow::Owned(key), value);
        }
        Ok(pairs)
    }
}
