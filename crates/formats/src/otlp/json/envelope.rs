//! Reads the objects around the items: the request, its resources and their scopes. Items and other
//! fields are kept as their text.
//!
//! One bad part costs that part: a list may have several keys, keys may repeat, and a value that is
//! not a list is reported.

use core::fmt;
use std::borrow::Cow;

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use throughline_codec::decode::MAX_SPANS;
use throughline_codec::json::skip_fields;

/// The keys of an object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keys {
    /// The keys of the lists of items.
    pub(super) lists: &'static [&'static str],
    /// The keys of the resource or of the scope.
    pub(super) part: &'static [&'static str],
}

const SCHEMA_URL: [&str; 2] = ["schemaUrl", "schema_url"];

/// The fields of an object.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    /// The items of all lists, in the order in which they were sent.
    pub(super) items: Vec<&'a RawValue>,
    /// The keys whose value is not a list.
    pub(super) not_lists: Vec<&'static str>,
    /// The last resource or scope.
    pub(super) part: Option<&'a RawValue>,
    /// The last schema URL.
    pub(super) schema_url: Option<&'a RawValue>,
    /// True if there are more than [`MAX_SPANS`] items. The others are not in `items`.
    pub(super) is_beyond: bool,
}

impl<'a> Fields<'a> {
    /// Reads the fields of the object `text`.
    pub(super) fn read(text: &'a str, keys: Keys) -> Result<Self, String> {
        if !text.trim_ascii_start().starts_with('{') {
            return Err("line 1, column 1: expected an object".to_owned());
        }
        let mut reader = serde_json::Deserializer::from_str(text);
        let fields = keys.deserialize(&mut reader);
        fields
            .and_then(|fields| reader.end().map(|()| fields))
            .map_err(|error| error.to_string())
    }

    fn has_space(&mut self) -> bool {
        self.is_beyond |= self.items.len() + self.not_lists.len() >= MAX_SPANS;
        !self.is_beyond
    }
}

impl<'de> DeserializeSeed<'de> for Keys {
    type Value = Fields<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Fields<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Keys {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
        let mut fields = Fields::default();
        while let Some(key) = map.next_key::<Cow<'_, str>>()? {
            if let Some(list) = self.lists.iter().find(|list| **list == key) {
                map.next_value_seed(List {
                    key: list,
                    fields: &mut fields,
                })?;
            } else if self.part.contains(&key.as_ref()) {
                fields.part = Some(map.next_value()?);
            } else if SCHEMA_URL.contains(&key.as_ref()) {
                fields.schema_url = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(fields)
    }
}

/// A list of items, or another value, which is reported.
struct List<'f, 'a> {
    key: &'static str,
    fields: &'f mut Fields<'a>,
}

impl List<'_, '_> {
    fn report(self) {
        if self.fields.has_space() {
            self.fields.not_lists.push(self.key);
        }
    }
}

impl<'de> DeserializeSeed<'de> for List<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for List<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        Ok(())
    }

    throughline_codec::visit_scalars!(report);

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        skip_fields(map)?;
        self.report();
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(item) = seq.next_element::<&RawValue>()? {
            if self.fields.has_space() {
                self.fields.items.push(item);
            }
        }
        Ok(())
    }
}
