//! Attribute values of every OTLP kind, and the ordered map that holds them.
//!
//! In native JSON a set of attributes is an object. Strings, booleans, `null` and arrays are
//! themselves; a number with a fraction or an exponent is a double, without is an integer; what
//! JSON cannot say is an object with one key that begins with `$`: `{"$int": "9007199254740993"}`
//! beyond 2^53, `{"$double": "NaN"}`, `{"$bytes": "<base64>"}`, `{"$map": {..}}`.

mod json;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// A value of an attribute (OTLP `AnyValue`).
#[derive(Debug, Clone, PartialEq, Default)]
pub enum AttributeValue {
    /// No value.
    #[default]
    Empty,
    /// Text.
    Str(Cow<'static, str>),
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a fraction, NaN and the infinities too.
    Double(f64),
    /// Bytes.
    Bytes(Vec<u8>),
    /// Values in order, of any kinds.
    Array(Vec<AttributeValue>),
    /// Values by key.
    Map(Attributes),
}

impl AttributeValue {
    /// The text, when the value is text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// The number, when the value is a whole number.
    pub const fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }
}

macro_rules! from {
    ($($from:ty => $variant:ident ($convert:expr)),* $(,)?) => {
        $(impl From<$from> for AttributeValue {
            fn from(value: $from) -> Self {
                Self::$variant($convert(value))
            }
        })*
    };
}

from! {
    &'static str => Str(Cow::Borrowed),
    String => Str(Cow::Owned),
    Cow<'static, str> => Str(core::convert::identity),
    bool => Bool(core::convert::identity),
    i64 => Int(core::convert::identity),
    i32 => Int(i64::from),
    u32 => Int(i64::from),
    u16 => Int(i64::from),
    f64 => Double(core::convert::identity),
    Vec<u8> => Bytes(core::convert::identity),
    Vec<AttributeValue> => Array(core::convert::identity),
    Attributes => Map(core::convert::identity),
}

/// Attributes in the order they were set; a key occurs once.
///
/// Look-up is a scan: a span has a dozen of them.
///
/// ```
/// use throughline_wire::Attributes;
/// let mut attributes = Attributes::default();
/// attributes.insert("http.response.status_code", 200_i64);
/// attributes.insert("http.response.status_code", 404_i64);
/// assert_eq!(serde_json::to_string(&attributes)?, r#"{"http.response.status_code":404}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Attributes(Vec<(Cow<'static, str>, AttributeValue)>);

impl Attributes {
    /// No attributes.
    pub const EMPTY: Self = Self(Vec::new());

    /// Sets `key`; a later value replaces an earlier one, in its place.
    pub fn insert(&mut self, key: impl Into<Cow<'static, str>>, value: impl Into<AttributeValue>) {
        let (key, value) = (key.into(), value.into());
        match self.0.iter_mut().find(|(known, _)| *known == key) {
            Some(slot) => slot.1 = value,
            None => self.0.push((key, value)),
        }
    }

    /// Adds `key` without looking for it: for keys known to be new, as when reading back what was
    /// stored.
    pub fn push_unchecked(&mut self, key: Cow<'static, str>, value: AttributeValue) {
        self.0.push((key, value));
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&AttributeValue> {
        self.0
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value)
    }

    /// The value of `key`, when it is text.
    pub fn get_str(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(AttributeValue::as_str)
    }

    /// Takes `key` out.
    pub fn remove(&mut self, key: &str) -> Option<AttributeValue> {
        let at = self.0.iter().position(|(known, _)| known == key)?;
        Some(self.0.remove(at).1)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keys and values, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &AttributeValue)> {
        self.0.iter().map(|(key, value)| (key.as_ref(), value))
    }

    /// Keys and values, in order, to be changed in place; a key must stay unique.
    pub fn entries_mut(&mut self) -> &mut Vec<(Cow<'static, str>, AttributeValue)> {
        &mut self.0
    }
}

impl<K: Into<Cow<'static, str>>, V: Into<AttributeValue>> FromIterator<(K, V)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut attributes = Self::default();
        for (key, value) in pairs {
            attributes.insert(key, value);
        }
        attributes
    }
}

impl Serialize for Attributes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        json::attributes(deserializer)
    }
}
