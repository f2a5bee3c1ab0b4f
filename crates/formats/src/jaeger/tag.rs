//! Tags: a key, a type and a value that need not agree.

use core::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use throughline_wire::attribute::{MAX_DEPTH, TOO_DEEP};
use throughline_wire::room::{self, Pairs};
use throughline_wire::{AttributeValue, Attributes, Mark, Marks};

/// The tags of a span or a process, or the fields of a log, as far as there is room; `null` is none.
#[derive(Debug, Default)]
pub(super) struct Tags {
    attributes: Attributes,
    marks: Marks,
}

impl Tags {
    /// The tags as attributes, in order; of a repeated key the last.
    pub(super) fn into_attributes(self, marks: &mut Marks) -> Attributes {
        marks.extend(self.marks);
        self.attributes
    }
}

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items;

        impl<'de> Visitor<'de> for Items {
            type Value = Tags;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of tags")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Tags, E> {
                Ok(Tags::default())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tags, A::Error> {
                let mut pairs = Pairs::default();
                let mut marks = Marks::NONE;
                let mut is_whole = false;
                while pairs.is_open() && room::take() {
                    let Some(tag) = seq.next_element::<JsonTag>()? else {
                        is_whole = true;
                        break;
                    };
                    let value = tag.value(&mut marks).map_err(de::Error::custom)?;
                    pairs.push(tag.key.into(), value);
                }
                if !is_whole {
                    for _ in 0..room::skip_rest(seq)? {
                        pairs.cut();
                    }
                }
                Ok(Tags {
                    attributes: pairs.finish(),
                    marks,
                })
            }
        }

        deserializer.deserialize_any(Items)
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

/// A list or an object of more text is kept as that text, which the limit on values then cuts.
const MAX_READ_BYTES: usize = 1 << 20;

impl JsonTag {
    /// The value by its type, where it is of that type; else as JSON says it.
    fn value(&self, marks: &mut Marks) -> Result<AttributeValue, serde_json::Error> {
        room::begin_value();
        let raw = self.value.as_ref().map_or("null", |raw| raw.get());
        if raw.len() > MAX_READ_BYTES && raw.starts_with(['[', '{']) {
            return Ok(raw.to_owned().into());
        }
        let text = match serde_json::from_str(raw)? {
            Value::String(text) => text,
            other => return Ok(plain(other, self.kind.as_deref(), 1, marks)),
        };
        let typed = match self.kind.as_deref() {
            Some("bool") => text.parse().ok().map(AttributeValue::Bool),
            Some("int64") => text.parse().ok().map(AttributeValue::Int),
            Some("float64") => text.parse().ok().map(AttributeValue::Double),
            Some("binary") => STANDARD.decode(&text).ok().map(AttributeValue::Bytes),
            _ => None,
        };
        Ok(typed.unwrap_or_else(|| text.into()))
    }
}

/// What JSON holds, as it is. `kind` is the type declared, if any.
fn plain(value: Value, kind: Option<&str>, depth: usize, marks: &mut Marks) -> AttributeValue {
    if depth > MAX_DEPTH {
        marks.insert(Mark::NestedTooDeep);
        return TOO_DEEP.into();
    }
    match value {
        Value::Null => AttributeValue::Empty,
        Value::Bool(truth) => truth.into(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            // A browser writes 1.0 as 1.
            (Some(whole), _) if kind != Some("float64") => whole.into(),
            (_, Some(double)) if number.is_f64() || kind == Some("float64") => double.into(),
            // Beyond 64 bits with a sign: the digits stay.
            _ => number.to_string().into(),
        },
        Value::String(text) => text.into(),
        Value::Array(values) => {
            let mut items = Vec::new();
            let mut rest = values.into_iter();
            while rest.len() > 0 && room::take_item() {
                items.extend(
                    rest.next()
                        .map(|value| plain(value, None, depth + 1, marks)),
                );
            }
            if rest.len() > 0 {
                items.push(room::cut_text(rest.len()));
            }
            AttributeValue::Array(items)
        }
        Value::Object(entries) => {
            let mut pairs = Pairs::default();
            for (key, value) in entries {
                if room::take_item() {
                    pairs.push(key.into(), plain(value, None, depth + 1, marks));
                } else {
                    pairs.cut();
                }
            }
            AttributeValue::Map(pairs.finish())
        }
    }
}
