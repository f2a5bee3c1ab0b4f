//! Attribute values of every OTLP kind, and the ordered map that holds them.
//!
//! In native JSON a set of attributes is an object. Strings, booleans, `null` and arrays are
//! themselves; a number with a fraction or an exponent is a double, without is an integer; what
//! JSON cannot say is an object with one key that begins with `$`: `{"$int": "9007199254740993"}`
//! beyond 2^53, `{"$double": "NaN"}`, `{"$bytes": "<base64>"}`. A map is an object; one whose first
//! key begins with `$` is wrapped, `{"$map": {..}}`, so that it is not taken for one of those.
//! Every writer may wrap every map; readers accept both.

mod read;
mod write;

pub use read::{AttributesSeed, ReadLimit, ValueSeed};

use std::borrow::Cow;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};

/// How deep values nest: an attribute's own value is at depth 1, what an array or a map holds one
/// deeper. Deeper ones are replaced by [`TOO_DEEP`] when read, which keeps readers off the stack's
/// end. The limit the OpenTelemetry specification gives.
pub const MAX_DEPTH: usize = 64;

/// The key under which a map says that entries were left out; see [`ReadLimit::cut_items`].
pub const CUT_KEY: &str = "…";

/// What stands where a value was nested too deep.
pub const TOO_DEEP: &str = "[nested deeper than 64 levels]";

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

    /// Takes pairs whose keys may repeat: the last value of a key wins, in its first place.
    ///
    /// Costs no look-up per key, so that a stranger's hundred thousand keys take linear time.
    pub fn from_pairs(pairs: Vec<(Cow<'static, str>, AttributeValue)>) -> Self {
        let mut attributes = Self(pairs);
        attributes.unify();
        attributes
    }

    /// Makes keys unique after pairs were added or keys changed. Returns how many pairs that removed.
    pub fn unify(&mut self) -> usize {
        /// Up to here a scan per key is cheaper than a table.
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
