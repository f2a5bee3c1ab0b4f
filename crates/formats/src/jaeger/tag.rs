//! Decodes tags: a key, a type and a value. The type and the value may disagree.

use core::fmt;
use std::borrow::Cow;
use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use throughline_codec::context::DecodeContext;
use throughline_codec::json::{ReadJson, skip_rest};
use throughline_codec::pairs::{AttributeSet, Pairs};
use throughline_wire::attribute::{MAX_DEPTH, TOO_DEEP};
use throughline_wire::{AttributeValue, Attributes, Repair};

/// The encoding of bytes in the text of a tag. It depends on the source of the span.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum BytesEncoding {
    /// Base64, as the query API writes them.
    Base64,
    /// Hexadecimal, as Elasticsearch storage has them.
    Hex,
}

impl BytesEncoding {
    /// Returns the encoding for a span that contains its process, or that names it by id.
    pub(super) const fn of(has_process: bool, names_process: bool) -> Self {
        if has_process && !names_process {
            Self::Hex
        } else {
            Self::Base64
        }
    }

    fn decode(self, text: &str) -> Option<Vec<u8>> {
        if self == Self::Base64 {
            return STANDARD.decode(text).ok();
        }
        let digit = |byte: u8| char::from(byte).to_digit(16);
        text.as_bytes()
            .chunks(2)
            .map(|pair| match *pair {
                [high, low] => u8::try_from(digit(high)? << 4 | digit(low)?).ok(),
                _ => None,
            })
            .collect()
    }
}

/// The tags of a span or a process, or the fields of a log, within the decode budget. `null` is an
/// empty list.
///
/// Elasticsearch storage may have tags in a map as well, with `@` in place of each dot of a key.
#[derive(Debug, Default)]
pub(super) struct Tags {
    set: AttributeSet,
    /// The keys of the tags of type binary. Their values are not decoded yet.
    binary: BTreeSet<String>,
}

impl Tags {
    /// Returns the tags as attributes, in order. The last of a repeated key counts.
    pub(super) fn into_set(mut self, form: BytesEncoding) -> AttributeSet {
        if !self.binary.is_empty() {
            for (key, value) in self.set.attributes.entries_mut() {
                if self.binary.contains(key.as_ref())
                    && let Some(bytes) = value.as_str().and_then(|text| form.decode(text))
                {
                    *value = AttributeValue::Bytes(bytes);
                }
            }
        }
        self.set
    }
}

/// Returns `first` and the tags of both lists, in order. The last of a repeated key counts.
pub(super) fn together(
    tags: [Tags; 2],
    form: BytesEncoding,
    mut first: Vec<(Cow<'static, str>, AttributeValue)>,
) -> AttributeSet {
    let mut left_out = 0;
    for tags in tags {
        let mut set = tags.into_set(form);
        first.append(set.attributes.entries_mut());
        left_out += set.left_out;
    }
    AttributeSet {
        attributes: Attributes::from_pairs(first),
        left_out,
    }
}

/// The tags read so far.
struct Reading<'c> {
    pairs: Pairs,
    binary: BTreeSet<String>,
    context: &'c mut DecodeContext,
}

impl Reading<'_> {
    /// Reports whether the budget allows one more tag.
    fn take(&mut self) -> bool {
        self.pairs.take(1, self.context)
    }

    fn push<E: de::Error>(&mut self, tag: JsonTag) -> Result<(), E> {
        let value = tag.value(self.context).map_err(E::custom)?;
        if tag.kind.as_deref() == Some("binary") && value.as_str().is_some() {
            self.binary.insert(tag.key.clone());
        } else if !self.binary.is_empty() {
            self.binary.remove(&tag.key);
        }
        self.pairs.push(tag.key.into(), value);
        Ok(())
    }

    fn finish(self) -> Tags {
        Tags {
            set: self.pairs.into_set(),
            binary: self.binary,
        }
    }
}

impl<'de> ReadJson<'de> for Tags {
    fn read_json<D: Deserializer<'de>>(
        deserializer: D,
        context: &mut DecodeContext,
    ) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reading {
            pairs: Pairs::default(),
            binary: BTreeSet::new(),
            context,
        })
    }
}

impl<'de> Visitor<'de> for Reading<'_> {
    type Value = Tags;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of tags, or a map")
    }

    fn visit_unit<E: de::Error>(self) -> Result<Tags, E> {
        Ok(Tags::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Tags, A::Error> {
        while self.take() {
            match seq.next_element()? {
                Some(tag) => self.push(tag)?,
                None => return Ok(self.finish()),
            }
        }
        self.pairs.leave_out(skip_rest(seq)?);
        Ok(self.finish())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Tags, A::Error> {
        while self.take() {
            let Some((key, value)) = map.next_entry::<String, Box<RawValue>>()? else {
                return Ok(self.finish());
            };
            self.push(JsonTag {
                key: key.replace('@', "."),
                kind: None,
                value: Some(value),
            })?;
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            self.pairs.leave_out(1);
        }
        Ok(self.finish())
    }
}

/// A tag of a span or a process, or a field of a log.
#[derive(Debug, Deserialize)]
#[serde(expecting = "a tag object")]
struct JsonTag {
    #[serde(default)]
    key: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    value: Option<Box<RawValue>>,
}

/// The maximum size of a list or an object that is decoded, in bytes. A larger one is kept as its
/// text, which the limit on values then cuts.
const MAX_READ_BYTES: usize = 1 << 20;

impl JsonTag {
    /// Returns the value in its declared type if it fits, or else in its JSON type. Bytes are still
    /// a text.
    fn value(&self, context: &mut DecodeContext) -> Result<AttributeValue, serde_json::Error> {
        context.budget.begin_value();
        let raw = self.value.as_ref().map_or("null", |raw| raw.get());
        if raw.len() > MAX_READ_BYTES && raw.starts_with(['[', '{']) {
            return Ok(raw.to_owned().into());
        }
        let text = match serde_json::from_str(raw)? {
            Value::String(text) => text,
            other => return Ok(plain(other, self.kind.as_deref(), 1, context)),
        };
        let typed = match self.kind.as_deref() {
            Some("bool") => text.parse().ok().map(AttributeValue::Bool),
            Some("int64") => text.parse().ok().map(AttributeValue::Int),
            Some("float64") => text.parse().ok().map(AttributeValue::Double),
            _ => None,
        };
        Ok(typed.unwrap_or_else(|| text.into()))
    }
}

/// Returns the JSON value as it is. `kind` is the declared type, if any.
fn plain(
    value: Value,
    kind: Option<&str>,
    depth: usize,
    context: &mut DecodeContext,
) -> AttributeValue {
    if depth > MAX_DEPTH {
        context.repair(Repair::NestedTooDeep);
        return TOO_DEEP.into();
    }
    match value {
        Value::Null => AttributeValue::Empty,
        Value::Bool(truth) => truth.into(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            // JavaScript writes 1.0 as 1.
            (Some(whole), _) if kind != Some("float64") => whole.into(),
            (_, Some(double)) if number.is_f64() || kind == Some("float64") => double.into(),
            // Numbers beyond 64 bits (signed) become a text, so that no digit is lost.
            _ => number.to_string().into(),
        },
        Value::String(text) => text.into(),
        Value::Array(values) => {
            let mut items = Vec::new();
            let mut rest = values.into_iter();
            while rest.len() > 0 && context.budget.take_item() {
                items.extend(
                    rest.next()
                        .map(|value| plain(value, None, depth + 1, context)),
                );
            }
            if rest.len() > 0 {
                items.push(context.cut_items(rest.len()));
            }
            AttributeValue::Array(items)
        }
        Value::Object(entries) => {
            let mut pairs = Pairs::default();
            for (key, value) in entries {
                if context.budget.take_item() {
                    pairs.push(key.into(), plain(value, None, depth + 1, context));
                } else {
                    pairs.leave_out(1);
                }
            }
            AttributeValue::Map(pairs.into_map(context))
        }
    }
}
