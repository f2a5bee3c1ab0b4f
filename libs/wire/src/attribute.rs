//! Attribute values of every OTLP kind, and the ordered map that holds them.
//!
//! The native JSON form of a set of attributes is an object:
//!
//! - A string, a boolean, `null` and an array stand for themselves.
//! - A number with a fraction or an exponent is a double. A number without either is an integer.
//! - An object with one key that begins with `$` is a tag. Tags carry the values that JSON lacks:
//!   `{"$int": "9007199254740993"}` for integers beyond 2^53, `{"$double": "NaN"}`,
//!   `{"$bytes": "<base64>"}`.
//! - A map is an object. A map whose first key begins with `$` must be wrapped as `{"$map": {..}}`,
//!   because a reader would take it for a tag. A writer may wrap every map; readers accept both
//!   forms.

mod read;
mod write;

pub use read::{AttributesSeed, ReadLimit, ValueSeed};

use std::borrow::Cow;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// The maximum nesting depth of a value; the OpenTelemetry specification gives this limit.
///
/// The value of an attribute has depth 1, and the items of an array or a map are one deeper than
/// it. A reader replaces deeper values by [`TOO_DEEP`]. The limit protects readers, which are
/// recursive, from a stack overflow.
pub const MAX_DEPTH: usize = 64;

/// The key of the map entry that reports left-out entries; see [`ReadLimit::cut_items`].
pub const CUT_KEY: &str = "…";

/// The text that replaces a value nested deeper than [`MAX_DEPTH`].
pub const TOO_DEEP: &str = "[nested deeper than 64 levels]";

/// A value of an attribute (OTLP `AnyValue`).
#[derive(Debug, Clone, PartialEq, Default)]
pub enum AttributeValue {
    /// No value.
    #[default]
    Empty,
    /// Text.
    Str(Cow<'static, str>),
    /// A boolean.
    Bool(bool),
    /// A 64-bit integer.
    Int(i64),
    /// A 64-bit floating-point number, including NaN and the infinities.
    Double(f64),
    /// A byte string.
    Bytes(Vec<u8>),
    /// An ordered list of values; the values may have different kinds.
    Array(Vec<AttributeValue>),
    /// A map from keys to values.
    Map(Attributes),
}

impl AttributeValue {
    /// Returns the text if the value is a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the value as a text if it is a string, a number or a boolean. Senders write ids in
    /// any of these kinds.
    pub fn to_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Str(text) => Some(Cow::Borrowed(text)),
            Self::Int(number) => Some(number.to_string().into()),
            Self::Double(number) => Some(number.to_string().into()),
            Self::Bool(truth) => Some(truth.to_string().into()),
            Self::Empty | Self::Bytes(_) | Self::Array(_) | Self::Map(_) => None,
        }
    }

    /// Returns the number if the value is an integer.
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

/// Attributes in the order they were set; each key occurs once.
///
/// A look-up scans the list, because a span has only about a dozen attributes.
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
    /// An empty set.
    pub const EMPTY: Self = Self(Vec::new());

    /// Sets `key`. If the key exists, the new value replaces the old one at the same position.
    pub fn insert(&mut self, key: impl Into<Cow<'static, str>>, value: impl Into<AttributeValue>) {
        let (key, value) = (key.into(), value.into());
        match self.0.iter_mut().find(|(known, _)| *known == key) {
            Some(slot) => slot.1 = value,
            None => self.0.push((key, value)),
        }
    }

    /// Appends `key` without a look-up. Use it only for keys that are known to be new, for example
    /// when reading stored attributes.
    pub fn push_unchecked(&mut self, key: Cow<'static, str>, value: AttributeValue) {
        self.0.push((key, value));
    }

    /// Creates a set from pairs whose keys may repeat. The last value of a key wins and takes the
    /// position of the first.
    ///
    /// Takes linear time: untrusted input with 100,000 keys must not cost a scan per key.
    pub fn from_pairs(pairs: Vec<(Cow<'static, str>, AttributeValue)>) -> Self {
        let mut attributes = Self(pairs);
        attributes.unify();
        attributes
    }

    /// Removes repeated keys after pairs were added or keys were changed. Returns the number of
    /// removed pairs.
    pub fn unify(&mut self) -> usize {
        /// Up to this number of keys, a scan per key is cheaper than a hash table.
        const SCANNED: usize = 16;
        let repeated: Vec<(usize, usize)> = if self.0.len() <= SCANNED {
            (1..self.0.len())
                .filter_map(|at| {
                    let key = &self.0[at].0;
                    let first = self.0[..at].iter().position(|(known, _)| known == key)?;
                    Some((at, first))
                })
                .collect()
        } else {
            let mut first_at = HashMap::with_capacity(self.0.len());
            (0..self.0.len())
                .filter_map(|at| {
                    let first = *first_at.entry(self.0[at].0.as_ref()).or_insert(at);
                    (first != at).then_some((at, first))
                })
                .collect()
        };
        for (at, first) in &repeated {
            self.0[*first].1 = core::mem::take(&mut self.0[*at].1);
        }
        if !repeated.is_empty() {
            let mut gone = repeated.iter().map(|(at, _)| *at).peekable();
            let mut at = 0;
            self.0.retain(|_| {
                let keep = gone.next_if_eq(&at).is_none();
                at += 1;
                keep
            });
        }
        repeated.len()
    }

    /// Returns the value of `key`.
    pub fn get(&self, key: &str) -> Option<&AttributeValue> {
        self.0
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value)
    }

    /// Returns the value of `key` if it is a string.
    pub fn get_str(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(AttributeValue::as_str)
    }

    /// Returns the value of `key` as a text if it is a string, a number or a boolean.
    pub fn get_text(&self, key: &str) -> Option<Cow<'_, str>> {
        self.get(key).and_then(AttributeValue::to_text)
    }

    /// Removes `key` and returns its value.
    pub fn remove(&mut self, key: &str) -> Option<AttributeValue> {
        let at = self.0.iter().position(|(known, _)| known == key)?;
        Some(self.0.remove(at).1)
    }

    /// Returns the number of attributes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns true if there are no attributes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Iterates over keys and values in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &AttributeValue)> {
        self.0.iter().map(|(key, value)| (key.as_ref(), value))
    }

    /// Returns the keys and values for changes in place. The caller must keep keys unique.
    pub fn entries_mut(&mut self) -> &mut Vec<(Cow<'static, str>, AttributeValue)> {
        &mut self.0
    }
}

impl<K: Into<Cow<'static, str>>, V: Into<AttributeValue>> FromIterator<(K, V)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self::from_pairs(
            pairs
                .into_iter()
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
        )
    }
}

impl Serialize for Attributes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read::read_all(deserializer)
    }
}
