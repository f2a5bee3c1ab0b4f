//! Strategies of property tests: spans, log records and their parts, of every shape.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use throughline_wire::{
    AttributeValue, Attributes, LogRecord, Span, SpanEvent, SpanId, SpanKind, SpanLink, Status,
    StatusCode, TraceId, UnixNanos,
};

use crate::NOW;

/// The content of the generated fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Everything that the types can hold, but for NaN, because it equals nothing.
    Any,
    /// Content that validation at [`NOW`] does not change: texts without NUL, times before `NOW`.
    /// NaN is included.
    Valid,
}

/// Returns a text.
pub fn text(content: Content) -> BoxedStrategy<String> {
    match content {
        Content::Any => any::<String>().boxed(),
        Content::Valid => "[^\\x00]{0,12}".boxed(),
    }
}

fn key(content: Content) -> BoxedStrategy<String> {
    match content {
        // Keys that look like a tag of the native JSON form, and any others.
        Content::Any => prop_oneof![
            "\\$(int|double|bytes|map|)",
            "[a-z.]{1,12}",
            any::<String>()
        ]
        .boxed(),
        Content::Valid => text(content),
    }
}

fn time(content: Content) -> BoxedStrategy<UnixNanos> {
    match content {
        Content::Any => any::<i64>().prop_map(UnixNanos::new).boxed(),
        Content::Valid => (1..NOW.get()).prop_map(UnixNanos::new).boxed(),
    }
}

/// Returns an attribute value.
pub fn value(content: Content) -> impl Strategy<Value = AttributeValue> {
    let mut doubles = vec![f64::NEG_INFINITY, f64::INFINITY, -0.0];
    doubles.extend((content == Content::Valid).then_some(f64::NAN));
    let leaf = prop_oneof![
        Just(AttributeValue::Empty),
        text(content).prop_map(AttributeValue::from),
        any::<bool>().prop_map(AttributeValue::from),
        any::<i64>().prop_map(AttributeValue::from),
        any::<f64>().prop_map(AttributeValue::from),
        proptest::sample::select(doubles).prop_map(AttributeValue::from),
        vec(any::<u8>(), 0..200).prop_map(AttributeValue::from),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(AttributeValue::from),
            btree_map(key(content), inner, 0..4)
                .prop_map(|map| AttributeValue::Map(map.into_iter().collect())),
        ]
    })
}

/// Returns attributes.
pub fn attributes(content: Content) -> impl Strategy<Value = Attributes> {
    let most = if content == Content::Any { 20 } else { 5 };
    btree_map(key(content), value(content), 0..most).prop_map(|map| map.into_iter().collect())
}

/// Returns a trace id.
pub fn trace_id() -> impl Strategy<Value = TraceId> {
    any::<[u8; 16]>().prop_filter_map("zero", |bytes| TraceId::from_bytes(bytes).ok())
}

/// Returns a span id.
pub fn span_id() -> impl Strategy<Value = SpanId> {
    any::<[u8; 8]>().prop_filter_map("zero", |bytes| SpanId::from_bytes(bytes).ok())
}

prop_compose! {
    /// Returns an event of a span.
    pub fn event(content: Content)(
        time in time(content), name in text(content), attributes in attributes(content),
        dropped_attributes_count in any::<u32>(),
    ) -> SpanEvent {
        SpanEvent { time, name: name.into(), attributes, dropped_attributes_count }
    }
}

prop_compose! {
    /// Returns a link to a span.
    pub fn link(content: Content)(
        trace_id in trace_id(), span_id in span_id(), trace_state in text(content),
        flags in any::<u32>(), attributes in attributes(content), dropped_attributes_count in any::<u32>(),
    ) -> SpanLink {
        SpanLink {
            trace_id,
            span_id,
            trace_state: trace_state.into(),
            flags,
            attributes,
            dropped_attributes_count,
        }
    }
}

prop_compose! {
    /// Returns a log record.
    pub fn log_record(content: Content)(
        (trace_id, span_id, parent_span_id) in
            (option::of(trace_id()), option::of(span_id()), option::of(span_id())),
        (time, observed) in (time(content), time(content)),
        severity_number in 0..=LogRecord::MAX_SEVERITY,
        (flags, dropped_attributes_count) in any::<(u32, u32)>(),
        (severity_text, event_name) in (text(content), text(content)),
        (body, attributes) in (value(content), attributes(content)),
    ) -> LogRecord {
        LogRecord {
            time,
            observed,
            trace_id,
            span_id,
            parent_span_id,
            flags,
            severity_number,
            severity_text: severity_text.into(),
            event_name: event_name.into(),
            body,
            attributes,
            dropped_attributes_count,
        }
    }
}

/// Returns the times of a span.
fn times(content: Content) -> BoxedStrategy<(UnixNanos, UnixNanos)> {
    match content {
        Content::Any => (time(content), time(content)).boxed(),
        Content::Valid => (time(content), 0..UnixNanos::PER_SECOND)
            .prop_map(|(start, length)| (start, start.saturating_add(length)))
            .boxed(),
    }
}

prop_compose! {
    /// Returns a span without a sequence number.
    pub fn span(content: Content)(
        (trace_id, span_id, parent_span_id) in (trace_id(), span_id(), option::of(span_id())),
        (name, trace_state, message) in (text(content), text(content), text(content)),
        (kind, status) in (0..6_i64, 0..3_i64),
        (flags, dropped) in any::<(u32, [u32; 3])>(),
        (start, end) in times(content),
        (attributes, events, links) in
            (attributes(content), vec(event(content), 0..3), vec(link(content), 0..3)),
    ) -> Span {
        Span {
            parent_span_id,
            trace_state: trace_state.into(),
            flags,
            name: name.into(),
            kind: SpanKind::from_code(kind),
            end,
            status: Status { code: StatusCode::from_code(status), message: message.into() },
            attributes,
            dropped_attributes_count: dropped[0],
            events,
            dropped_events_count: dropped[1],
            links,
            dropped_links_count: dropped[2],
            ..Span::new(trace_id, span_id, start)
        }
    }
}
