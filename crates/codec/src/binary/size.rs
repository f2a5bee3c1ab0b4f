//! The size of a value before it is encoded.

use throughline_wire::AttributeValue;

/// Returns the approximate encoded size of a value in bytes. It recurses, so validation must have
/// bounded the depth of the value.
pub fn approximate_size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::Str(text) => text.len(),
        AttributeValue::Bytes(bytes) => bytes.len(),
        AttributeValue::Array(values) => {
            values.iter().map(|value| 2 + approximate_size(value)).sum()
        }
        AttributeValue::Map(attributes) => attributes
            .iter()
            .map(|(key, value)| 4 + key.len() + approximate_size(value))
            .sum(),
        _ => 8,
    }
}
