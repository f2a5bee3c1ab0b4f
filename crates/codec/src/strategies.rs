//! Strategies of property tests: values, attributes and spans of every shape.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use throughline_wire::{
    AttributeValue, Attributes, LogRecord, Span, SpanEvent, SpanId, SpanKind, SpanLink, Status,
    StatusCode, TraceId, UnixNanos,
};

pub(crate) fn value() -> impl Strategy<Value = AttributeValue> {
    let leaf = prop_oneof![
        Just(AttributeValue::Empty),
        any::<String>().prop_map(AttributeValue::from),
        any::<bool>().prop_map(AttributeValue::from),
        any::<i64>().prop_map(AttributeValue::from),
        any::<f64>().prop_map(AttributeValue::from),
        prop_oneof![Just(f64::NEG_INFINITY), Just(f64::INFINITY), Just(-0.0)]
            .prop_map(AttributeValue::from),
        vec(any::<u8>(), 0..200).prop_map(AttributeValue::from),
    ];
    leaf.prop_recursive(4, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(AttributeValue::from),
            btree_map(key(), inner, 0..4)
                .prop_map(|map| AttributeValue::Map(map.into_iter().collect())),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    // Keys that look like a tag of the native JSON form, and any others.
    prop_oneof![
        "\\$(int|double|bytes|map|)",
        "[a-z.]{1,12}",
        any::<String>()
    ]
}

pub(crate) fn attributes() -> impl Strategy<Value = Attributes> {
    btree_map(key(), value(), 0..20).prop_map(|map| map.into_iter().collect())
}

pub(crate) fn event() -> impl Strategy<Value = SpanEvent> {
    (any::<i64>(), any::<String>(), attributes(), any::<u32>()).prop_map(
        |(time, name, attributes, dropped_attributes_count)| SpanEvent {
            time: UnixNanos::new(time),
            name: name.into(),
            attributes,
            dropped_attributes_count,
        },
    )
}

pub(crate) fn trace_id() -> impl Strategy<Value = TraceId> {
    any::<[u8; 16]>().prop_filter_map("zero", |bytes| TraceId::from_bytes(bytes).ok())
}

pub(crate) fn span_id() -> impl Strategy<Value = SpanId> {
    any::<[u8; 8]>().prop_filter_map("zero", |bytes| SpanId::from_bytes(bytes).ok())
}

pub(crate) fn link() -> impl Strategy<Value = SpanLink> {
    (
        trace_id(),
        span_id(),
        any::<String>(),
        any::<u32>(),
        attributes(),
        any::<u32>(),
    )
        .prop_map(
            |(trace_id, span_id, trace_state, flags, attributes, dropped_attributes_count)| {
                SpanLink {
                    trace_id,
                    span_id,
                    trace_state: trace_state.into(),
                    flags,
                    attributes,
                    dropped_attributes_count,
                }
            },
        )
}

pub(crate) fn log_record() -> impl Strategy<Value = LogRecord> {
    let ids = (
        proptest::option::of(trace_id()),
        proptest::option::of(span_id()),
        proptest::option::of(span_id()),
    );
    let words = (any::<String>(), any::<String>(), value());
    let numbers = (any::<i64>(), any::<i64>(), any::<u32>(), 0..=24_u8);
    (ids, words, numbers, attributes(), any::<u32>()).prop_map(
        |(
            (trace_id, span_id, parent_span_id),
            (severity_text, event_name, body),
            (time, observed, flags, severity_number),
            attributes,
            dropped_attributes_count,
        )| LogRecord {
            time: UnixNanos::new(time),
            observed: UnixNanos::new(observed),
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
        },
    )
}

pub(crate) fn span() -> impl Strategy<Value = Span> {
    let ids = (trace_id(), span_id(), proptest::option::of(span_id()));
    let words = (any::<String>(), any::<String>(), any::<String>());
    let numbers = (
        any::<u32>(),
        0..6_i64,
        0..3_i64,
        any::<[u32; 3]>(),
        proptest::option::of(any::<u64>()),
    );
    let times = (any::<i64>(), any::<i64>());
    let lists = (attributes(), vec(event(), 0..3), vec(link(), 0..3));
    (ids, words, numbers, times, lists).prop_map(
        |(
            (trace_id, span_id, parent_span_id),
            (name, trace_state, message),
            (flags, kind, status, dropped, sequence),
            (start, end),
            (attributes, events, links),
        )| Span {
            trace_id,
            span_id,
            parent_span_id,
            trace_state: trace_state.into(),
            flags,
            name: name.into(),
            kind: SpanKind::from_code(kind),
            start: UnixNanos::new(start),
            end: UnixNanos::new(end),
            status: Status {
                code: StatusCode::from_code(status),
                message: message.into(),
            },
            attributes,
            dropped_attributes_count: dropped[0],
            events,
            dropped_events_count: dropped[1],
            links,
            dropped_links_count: dropped[2],
            sequence,
        },
    )
}
