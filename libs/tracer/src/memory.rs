//! Estimates of memory sizes: the texts, and a fixed size for the rest.

use throughline_wire::{AttributeValue, Attributes, Span};

/// Estimates the memory size of a span in bytes.
pub(crate) fn span_bytes(span: &Span) -> usize {
    let events = span
        .events
        .iter()
        .map(|event| event_bytes(&event.name, &event.attributes));
    let links = span
        .links
        .iter()
        .map(|link| 128 + link.trace_state.len() + attributes_bytes(&link.attributes));
    size_of::<Span>()
        + span.name.len()
        + span.trace_state.len()
        + span.status.message.len()
        + attributes_bytes(&span.attributes)
        + events.sum::<usize>()
        + links.sum::<usize>()
}

/// Estimates the memory size of an event in bytes.
pub(crate) fn event_bytes(name: &str, attributes: &Attributes) -> usize {
    96 + name.len() + attributes_bytes(attributes)
}

/// Estimates the memory size of attributes in bytes.
pub(crate) fn attributes_bytes(attributes: &Attributes) -> usize {
    attributes
        .iter()
        .map(|(key, value)| attribute_bytes(key, value))
        .sum()
}

/// Estimates the memory size of an attribute in bytes.
pub(crate) fn attribute_bytes(key: &str, value: &AttributeValue) -> usize {
    48 + key.len() + size(value)
}

fn size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::Str(text) => text.len(),
        AttributeValue::Bytes(bytes) => bytes.len(),
        AttributeValue::Array(values) => values.iter().map(|value| 32 + size(value)).sum(),
        AttributeValue::Map(attributes) => attributes_bytes(attributes),
        _ => 0,
    }
}
