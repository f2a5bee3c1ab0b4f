//! The state of an open `tracing` span.

use std::borrow::Cow;
use std::sync::Arc;

use throughline_wire::{AttributeValue, Attributes, Span, SpanEvent, Status, StatusCode, semconv};

use crate::clock::Tick;
use crate::context::{PropagatedHeaders, SpanContext};

/// The maximum number of attributes of a span or an event; further ones are counted and dropped.
pub(crate) const MAX_ATTRIBUTES: usize = 256;
/// The maximum number of events of a span; further ones are counted and dropped.
const MAX_EVENTS: usize = 256;

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
}

impl Recording {
    pub(crate) fn new(span: Span, started: Tick) -> Self {
        Self {
            span: Box::new(span),
            started,
            left: None,
        }
    }

    /// Sets an attribute, or counts it as dropped at the limit.
    pub(crate) fn set(&mut self, key: Cow<'static, str>, value: AttributeValue) {
        let attributes = &mut self.span.attributes;
        if attributes.len() < MAX_ATTRIBUTES || attributes.get(&key).is_some() {
            attributes.insert(key, value);
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
        if self.span.events.len() >= MAX_EVENTS {
            self.span.dropped_events_count += 1;
            return;
        }
        self.span.events.push(SpanEvent {
            time: self.wall(at),
            name: name.into(),
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
