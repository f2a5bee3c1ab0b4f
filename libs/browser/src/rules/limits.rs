//! The limits of the data of an open span. What exceeds them is counted and dropped.

use std::borrow::Cow;

use throughline_wire::{AttributeValue, Attributes, Span, SpanEvent, Status};

/// The most attributes of a span.
const MAX_ATTRIBUTES: usize = 128;
/// The most events of a span.
const MAX_EVENTS: usize = 128;
/// The most bytes of the attributes and events of a span together. The rest of a request body is
/// for the other fields of the span.
const MAX_BYTES: usize = 48 * 1024;

/// The most bytes of a status message.
const MAX_MESSAGE_BYTES: usize = 4 * 1024;

/// Sets an attribute.
pub(crate) fn set(span: &mut Span, key: Cow<'static, str>, value: AttributeValue) {
    let replaced = span.attributes.get(&key).map(|old| size(&key, old));
    let bytes = bytes(span) - replaced.unwrap_or_default() + size(&key, &value);
    if bytes <= MAX_BYTES && (replaced.is_some() || span.attributes.len() < MAX_ATTRIBUTES) {
        span.attributes.insert(key, value);
    } else {
        span.dropped_attributes_count = span.dropped_attributes_count.saturating_add(1);
    }
}

/// Adds an event.
pub(crate) fn add_event(span: &mut Span, event: SpanEvent) {
    if bytes(span) + event_bytes(&event) <= MAX_BYTES && span.events.len() < MAX_EVENTS {
        span.events.push(event);
    } else {
        span.dropped_events_count = span.dropped_events_count.saturating_add(1);
    }
}

/// Sets the status. A longer message is cut.
pub(crate) fn set_status(span: &mut Span, mut status: Status) {
    let end = status.message.floor_char_boundary(MAX_MESSAGE_BYTES);
    if end < status.message.len() {
        status.message = format!("{}…", &status.message[..end]).into();
    }
    span.status = status;
}

fn bytes(span: &Span) -> usize {
    let events: usize = span.events.iter().map(event_bytes).sum();
    sum(&span.attributes) + events
}

fn event_bytes(event: &SpanEvent) -> usize {
    event.name.len() + sum(&event.attributes)
}

fn sum(attributes: &Attributes) -> usize {
    attributes.iter().map(|(key, value)| size(key, value)).sum()
}

/// Returns the bytes of an attribute: its texts, and 8 for each number.
fn size(key: &str, value: &AttributeValue) -> usize {
    let value = match value {
        AttributeValue::Str(text) => text.len(),
        AttributeValue::Bytes(bytes) => bytes.len(),
        AttributeValue::Array(values) => values.iter().map(|value| size("", value)).sum(),
        AttributeValue::Map(attributes) => sum(attributes),
        _ => 8,
    };
    key.len() + value
}

#[cfg(test)]
mod tests {
    use throughline_wire::{SpanId, TraceId, UnixNanos};

    use super::*;

    fn blank() -> Span {
        let (trace, id) = (TraceId::from_bytes([1; 16]), SpanId::from_bytes([1; 8]));
        let ids = trace.ok().zip(id.ok()).expect("ids");
        Span::new(ids.0, ids.1, UnixNanos::new(0))
    }

    #[test]
    fn a_long_status_message_is_cut_and_a_short_one_stays() {
        for (count, bytes) in [(2_048, 4_096), (2_049, 4_099), (1 << 20, 4_099)] {
            let mut span = blank();
            set_status(&mut span, Status::error("é".repeat(count)));
            assert_eq!(span.status.message.len(), bytes, "{count}");
        }
    }

    fn event(text: usize) -> SpanEvent {
        SpanEvent {
            time: UnixNanos::new(0),
            name: Cow::Borrowed("event"),
            attributes: Attributes::from_iter([("text", "x".repeat(text))]),
            dropped_attributes_count: 0,
        }
    }

    #[test]
    fn an_open_span_is_bounded_however_much_is_added() {
        for text in [1, 1_000, 100_000] {
            let mut span = blank();
            for number in 0..100_000_u32 {
                add_event(&mut span, event(text));
                set(
                    &mut span,
                    format!("key {number}").into(),
                    "x".repeat(text).into(),
                );
                if span.dropped_events_count > 500 {
                    break;
                }
            }
            assert!(bytes(&span) <= MAX_BYTES, "{text}");
            assert!(span.events.len() <= MAX_EVENTS && span.attributes.len() <= MAX_ATTRIBUTES);
            assert!(span.dropped_attributes_count > 0 && span.dropped_events_count > 0);
        }
    }

    #[test]
    fn a_value_that_replaces_another_one_takes_its_place() {
        let mut span = blank();
        for _ in 0..100 {
            set(&mut span, Cow::Borrowed("key"), "x".repeat(40_000).into());
        }
        assert_eq!(
            (span.attributes.len(), span.dropped_attributes_count),
            (1, 0)
        );
    }
}
