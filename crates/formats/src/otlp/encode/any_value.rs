//! Encodes attribute values in protobuf's JSON form.

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};
use throughline_wire::{AttributeValue, Attributes};

/// Attributes, encoded as a list of `{"key", "value"}`.
pub(super) struct KeyValues<'a>(pub(super) &'a Attributes);

impl KeyValues<'_> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for KeyValues<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|(key, value)| KeyValue {
            key,
            value: AnyValue(value),
        }))
    }
}

#[derive(Serialize)]
struct KeyValue<'a> {
    key: &'a str,
    value: AnyValue<'a>,
}

/// An attribute value, encoded as an object of one field that names its type. No value is `{}`.
pub(super) struct AnyValue<'a>(pub(super) &'a AttributeValue);

impl Serialize for AnyValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(1))?;
        match self.0 {
            AttributeValue::Empty => {}
            AttributeValue::Str(text) => object.serialize_entry("stringValue", text)?,
            AttributeValue::Bool(truth) => object.serialize_entry("boolValue", truth)?,
            AttributeValue::Int(number) => {
                object.serialize_entry("intValue", &Text(format_args!("{number}")))?;
            }
            AttributeValue::Double(number) if number.is_finite() => {
                object.serialize_entry("doubleValue", number)?;
            }
            AttributeValue::Double(number) => {
                object.serialize_entry("doubleValue", not_finite(*number))?;
            }
            AttributeValue::Bytes(bytes) => {
                let text = Base64Display::new(bytes, &STANDARD);
                object.serialize_entry("bytesValue", &Text(text))?;
            }
            AttributeValue::Array(values) => {
                let values = Values(values.iter().map(AnyValue).collect::<Vec<_>>());
                object.serialize_entry("arrayValue", &values)?;
            }
            AttributeValue::Map(entries) => {
                object.serialize_entry("kvlistValue", &Values(KeyValues(entries)))?;
            }
        }
        object.end()
    }
}

const fn not_finite(number: f64) -> &'static str {
    if number.is_nan() {
        "NaN"
    } else if number > 0.0 {
        "Infinity"
    } else {
        "-Infinity"
    }
}

/// A list, encoded as the object around it.
struct Values<T>(T);

impl<T: Serialize> Serialize for Values<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(1))?;
        object.serialize_entry("values", &self.0)?;
        object.end()
    }
}

/// A value that is encoded as the text it displays.
struct Text<T>(T);

impl<T: core::fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}
