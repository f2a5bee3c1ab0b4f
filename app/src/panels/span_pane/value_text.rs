//! The readable text of an attribute value.

use throughline_wire::AttributeValue;

/// The length from which a value gets its own block, in characters. A value of several lines always
/// does.
pub(super) const BLOCK_CHARS: usize = 160;

/// Returns the readable text of a value, which is also copied. Text is unchanged, numbers have no
/// JSON wrapper, bytes are base64, arrays and maps are native JSON.
pub(super) fn text_of(value: &AttributeValue) -> String {
    match value {
        AttributeValue::Empty => "(empty)".to_owned(),
        AttributeValue::Str(text) => text.clone().into_owned(),
        AttributeValue::Int(number) => number.to_string(),
        AttributeValue::Array(_) | AttributeValue::Map(_) => {
            let line = serde_json::to_string(value).unwrap_or_default();
            if line.len() < BLOCK_CHARS {
                line
            } else {
                serde_json::to_string_pretty(value).unwrap_or(line)
            }
        }
        AttributeValue::Bool(_) | AttributeValue::Double(_) | AttributeValue::Bytes(_) => {
            let json = serde_json::to_value(value).unwrap_or_default();
            let wrapped = json.get("$double").or_else(|| json.get("$bytes"));
            match wrapped.and_then(serde_json::Value::as_str) {
                Some(text) => text.to_owned(),
                None => json.to_string(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_read_without_the_wrapping_of_json() {
        let texts = [
            AttributeValue::Int(i64::MAX),
            AttributeValue::Double(f64::NEG_INFINITY),
            AttributeValue::Double(0.1),
            AttributeValue::Bytes(vec![0, 255, 1]),
            AttributeValue::Bool(true),
            AttributeValue::Str("a\nb".into()),
            AttributeValue::Array(vec![AttributeValue::Int(1), AttributeValue::Empty]),
        ]
        .map(|value| text_of(&value));
        let expected = [
            "9223372036854775807",
            "-Infinity",
            "0.1",
            "AP8B",
            "true",
            "a\nb",
            "[1,null]",
        ];
        assert_eq!(texts, expected);
    }
}
