//! The state of an open `tracing` span.

use std::borrow::Cow;
use std::sync::Arc;

use throughline_wire::{AttributeValue, Attributes, Span, SpanEvent, Status, StatusCode, semconv};

use crate::clock::Tick;
use crate::context::{PropagatedHeaders, SpanContext};
use crate::memory::{attribute_bytes, event_bytes};

/// The maximum number of attributes of a span or an event; further ones are counted and dropped.
pub(crate) const MAX_ATTRIBUTES: usize = 256;
/// The maximum number of events of a span; further ones are counted and dropped.
const MAX_EVENTS: usize = 256;
/// The maximum memory size of the attributes and events of an open span, in bytes. Further ones are
/// counted and dropped.
const MAX_BYTES: usize = 4 << 20;

/// An open span: its context and, if the trace is recorded, its data.
#[derive(Debug)]
pub(crate) struct Active {
    pub(crate) context: SpanContext,
    pub(crate) propagated: Option<Arc<PropagatedHeaders>>,
    pub(crate) recording: Option<Recording>,
}

/// The data of an open span that is recorded.
#[derive(Debug)]
pub(crate) struct Recording {
    pub(crate) span: Box<Span>,
    started: Tick,
    left: Option<Tick>,
    /// The memory size of the attributes and events that were added, in bytes.
    bytes: usize,
}

impl Recording {
    pub(crate) fn new(span: Span, started: Tick) -> Self {
        Self {
            span: Box::new(span),
            started,
            left: None,
            bytes: 0,
        }
    }

    /// Sets an attribute, or counts it as dropped at the limit.
    pub(crate) fn set(&mut self, key: Cow<'static, str>, value: AttributeValue) {
        let attributes = &mut self.span.attributes;
        let replaced = attributes.get(&key).map(|old| attribute_bytes(&key, old));
        let others = self.bytes.saturating_sub(replaced.unwrap_or_default());
        let bytes = others + attribute_bytes(&key, &value);
        if bytes <= MAX_BYTES && (replaced.is_some() || attributes.len() < MAX_ATTRIBUTES) {
            attributes.insert(key, value);
            self.bytes = bytes;
        } else {
            self.span.dropped_attributes_count += 1;
        }
    }

    /// Adds an event, or counts it as dropped at the limit.
    pub(crate) fn event(
        &mut self,
        name: impl Into<Cow<'static, str>>,
        attributes: Attributes,
        at: Tick,
    ) {
        let name = name.into();
        let bytes = self.bytes + event_bytes(&name, &attributes);
        if bytes > MAX_BYTES || self.span.events.len() >= MAX_EVENTS {
            self.span.dropped_events_count += 1;
            return;
        }
        self.bytes = bytes;
        self.span.events.push(SpanEvent {
            time: self.wall(at),
            name,
            attributes,
            dropped_attributes_count: 0,
        });
    }

    /// Marks the span as failed. The first message stays. The status `Ok` stays too, as the
    /// specification of `Set Status` requires.
    pub(crate) fn fail(&mut self, status: Status, kind: Option<&'static str>) {
        if self.span.status.code == StatusCode::Ok {
            return;
        }
        if self.span.status.code == StatusCode::Unset || self.span.status.message.is_empty() {
            self.span.status = status;
        }
        if let Some(kind) = kind
            && self.span.attributes.get(semconv::ERROR_TYPE).is_none()
        {
            self.set(Cow::Borrowed(semconv::ERROR_TYPE), kind.into());
        }
    }

    /// Records that the span's code was left. The last time counts as the end, because a `tracing`
    /// span closes only after all its children.
    pub(crate) fn leave(&mut self, at: Tick) {
        self.left = Some(at);
    }

    /// Returns the ended span. It ended when its code was last left, or ends now if its code never
    /// ran.
    pub(crate) fn end(self) -> Box<Span> {
        let end = self.wall(self.left.unwrap_or_else(Tick::now));
        let mut span = self.span;
        span.end = end;
        span
    }

    /// Returns the wall-clock time of `at`, by the clock at the start of the span. A clock step
    /// while the span is open then does not change its duration.
    fn wall(&self, at: Tick) -> throughline_wire::UnixNanos {
        self.span
            .start
            .saturating_add(at.since(self.started).max(0))
    }
}

#[cfg(test)]
mod tests {
    use throughline_wire::{SpanId, TraceId, UnixNanos};

    use super::*;
    use crate::memory::span_bytes;

    #[test]
    fn the_data_of_an_open_span_is_bounded_in_bytes() {
        let (trace, id) = (TraceId::from_bytes([1; 16]), SpanId::from_bytes([1; 8]));
        let blank = |(trace, id)| Some(Span::new(trace?, id?, UnixNanos::new(0)));
        let span = blank((trace.ok(), id.ok())).expect("ids");
        let mut recording = Recording::new(span, Tick::now());
        let text = |bytes| AttributeValue::from("x".repeat(bytes));
        // A value that replaces another one takes its place.
        for _ in 0..100 {
            recording.set(Cow::Borrowed("state"), text(MAX_BYTES / 4));
        }
        assert_eq!(recording.span.dropped_attributes_count, 0);
        for number in 0..100 {
            let attributes = Attributes::from_iter([("payload", text(100_000))]);
            recording.event("event", attributes, Tick::now());
            recording.set(format!("key {number}").into(), text(100_000));
        }
        let span = recording.end();
        assert!(span_bytes(&span) <= MAX_BYTES + size_of::<Span>());
        let (keys, events) = (span.attributes.len(), span.events.len());
        assert!(keys + events > 30, "{keys} and {events}");
        assert_eq!(span.dropped_attributes_count as usize, 101 - keys);
        assert_eq!(span.dropped_events_count as usize, 100 - events);
    }
}
