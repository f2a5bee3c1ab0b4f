//! Writes the native JSON form of attribute values; the parent module describes the form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::AttributeValue;

/// The largest integer written as a JSON number. A larger one is written as `{"$int": ".."}`,
/// because JavaScript would round it.
const MAX_SAFE_INTEGER: i64 = 9_007_199_254_740_991;

struct Tagged<'a, T: ?Sized>(&'static str, &'a T);

impl<T: Serialize + ?Sized> Serialize for Tagged<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(self.0, self.1)?;
        map.end()
    }
}

impl Serialize for AttributeValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Empty => serializer.serialize_unit(),
            Self::Str(text) => serializer.serialize_str(text),
            Self::Bool(truth) => serializer.serialize_bool(*truth),
            Self::Int(number) if number.unsigned_abs() <= MAX_SAFE_INTEGER.unsigned_abs() => {
                serializer.serialize_i64(*number)
            }
            Self::Int(number) => Tagged("$int", &number.to_string()).serialize(serializer),
            Self::Double(number) if number.is_nan() => {
                Tagged("$double", "NaN").serialize(serializer)
            }
            Self::Double(number) if number.is_infinite() => {
                let text = if *number > 0.0 {
                    "Infinity"
                } else {
                    "-Infinity"
                };
                Tagged("$double", text).serialize(serializer)
            }
            Self::Double(number) => serializer.serialize_f64(*number),
            Self::Bytes(bytes) => Tagged("$bytes", &STANDARD.encode(bytes)).serialize(serializer),
            Self::Array(values) => serializer.collect_seq(values),
            // A reader takes only the first key for a tag, so only a `$` there needs the wrapper.
            Self::Map(attributes) => match attributes.iter().next() {
                Some((key, _)) if key.starts_with('$') => {
                    Tagged("$map", attributes).serialize(serializer)
                }
                _ => attributes.serialize(serializer),
            },
        }
    }
}
