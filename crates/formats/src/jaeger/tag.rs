//! Tags: a key, a type and a value that need not agree.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;
use throughline_wire::attribute::{MAX_DEPTH, TOO_DEEP};
use throughline_wire::{AttributeValue, Attributes, Mark, Marks};

/// A tag of a span or a process, or a field of a log.
#[derive(Debug, Deserialize)]
#[serde(expecting = "a tag object")]
pub(super) struct JsonTag {
    #[serde(default)]
    pub(super) key: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    value: Value,
}

impl JsonTag {
    /// The value by its type, where it is of that type; else as JSON says it.
    pub(super) fn value(self, marks: &mut Marks) -> AttributeValue {
        let text = match self.value {
            Value::String(text) => text,
            other => return plain(other, self.kind.as_deref(), 1, marks),
        };
        let typed = match self.kind.as_deref() {
            Some("bool") => text.parse().ok().map(AttributeValue::Bool),
            Some("int64") => text.parse().ok().map(AttributeValue::Int),
            Some("float64") => text.parse().ok().map(AttributeValue::Double),
            Some("binary") => STANDARD.decode(&text).ok().map(AttributeValue::Bytes),
            _ => None,
        };
        typed.unwrap_or_else(|| text.into())
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
        Value::Array(values) => AttributeValue::Array(
            values
                .into_iter()
                .map(|value| plain(value, None, depth + 1, marks))
                .collect(),
        ),
        Value::Object(entries) => AttributeValue::Map(Attributes::from_pairs(
            entries
                .into_iter()
                .map(|(key, value)| (key.into(), plain(value, None, depth + 1, marks)))
                .collect(),
        )),
    }
}

/// Tags as pairs, in order; of a repeated key whoever unites them keeps the last.
pub(super) fn attributes(
    tags: Vec<JsonTag>,
    marks: &mut Marks,
) -> Vec<(Cow<'static, str>, AttributeValue)> {
    tags.into_iter()
        .map(|mut tag| {
            let key = core::mem::take(&mut tag.key);
            (key.into(), tag.value(marks))
        })
        .collect()
}
