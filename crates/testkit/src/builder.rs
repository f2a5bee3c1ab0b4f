//! Builds spans for tests. Fields have defaults, so a test sets only those that matter to it.

use std::borrow::Cow;

use throughline_wire::{
    AttributeValue, Attributes, Span, SpanEvent, SpanId, SpanKind, SpanLink, Status, TraceId,
    UnixNanos, semconv,
};

use crate::{Ids, NOW};

/// A span under construction; see [`span`].
#[derive(Debug, Clone)]
pub struct SpanBuilder(Span);

/// Returns a builder of an internal span without a parent that began at [`NOW`] and took 10 ms. Its
/// ids are derived from its name, so two spans of the same name need [`SpanBuilder::id`].
pub fn span(name: impl Into<Cow<'static, str>>) -> SpanBuilder {
    let name = name.into();
    let seed = name.bytes().fold(0_u64, |seed, byte| {
        seed.wrapping_mul(31).wrapping_add(byte.into())
    });
    let mut ids = Ids::seeded(seed);
    SpanBuilder(Span {
        name,
        end: NOW.saturating_add(10 * UnixNanos::PER_MILLI),
        ..Span::new(ids.trace_id(), ids.span_id(), NOW)
    })
}

impl SpanBuilder {
    /// Sets the trace.
    #[must_use]
    pub fn in_trace(mut self, trace_id: TraceId) -> Self {
        self.0.trace_id = trace_id;
        self
    }

    /// Sets the span id.
    #[must_use]
    pub fn id(mut self, span_id: SpanId) -> Self {
        self.0.span_id = span_id;
        self
    }

    /// Makes it a child of `parent`, in the trace of `parent`.
    #[must_use]
    pub fn child_of(mut self, parent: &Span) -> Self {
        self.0.trace_id = parent.trace_id;
        self.0.parent_span_id = Some(parent.span_id);
        self
    }

    /// Sets the parent, known or not. The trace does not change.
    #[must_use]
    pub fn parent(mut self, parent: SpanId) -> Self {
        self.0.parent_span_id = Some(parent);
        self
    }

    /// Sets the kind.
    #[must_use]
    pub fn kind(mut self, kind: SpanKind) -> Self {
        self.0.kind = kind;
        self
    }

    /// Sets the start. The duration does not change.
    #[must_use]
    pub fn starts(mut self, start: UnixNanos) -> Self {
        let duration_ns = self.0.duration_ns();
        self.0.start = start;
        self.0.end = start.saturating_add(duration_ns);
        self
    }

    /// Sets the duration.
    #[must_use]
    pub fn lasts(mut self, duration_ns: i64) -> Self {
        self.0.end = self.0.start.saturating_add(duration_ns);
        self
    }

    /// Sets the status to error, with this message.
    #[must_use]
    pub fn error(mut self, message: impl Into<Cow<'static, str>>) -> Self {
        self.0.status = Status::error(message);
        self
    }

    /// Sets an attribute.
    #[must_use]
    pub fn with(
        mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<AttributeValue>,
    ) -> Self {
        self.0.attributes.insert(key, value);
        self
    }

    /// Sets the user who caused it.
    #[must_use]
    pub fn user(self, user: impl Into<String>) -> Self {
        self.with(semconv::USER_ID, user.into())
    }

    /// Sets the session.
    #[must_use]
    pub fn session(self, session: impl Into<String>) -> Self {
        self.with(semconv::SESSION_ID, session.into())
    }

    /// Adds an event, `after_ns` after the start.
    #[must_use]
    pub fn event(
        mut self,
        after_ns: i64,
        name: impl Into<Cow<'static, str>>,
        attributes: Attributes,
    ) -> Self {
        self.0.events.push(SpanEvent {
            time: self.0.start.saturating_add(after_ns),
            name: name.into(),
            attributes,
            dropped_attributes_count: 0,
        });
        self
    }

    /// Links it to another span.
    #[must_use]
    pub fn linked_to(mut self, other: &Span) -> Self {
        self.0.links.push(SpanLink {
            trace_id: other.trace_id,
            span_id: other.span_id,
            trace_state: Cow::Borrowed(""),
            flags: 0,
            attributes: Attributes::EMPTY,
            dropped_attributes_count: 0,
        });
        self
    }

    /// Returns the span.
    pub fn build(self) -> Span {
        self.0
    }
}
