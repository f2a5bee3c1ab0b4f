//! Random spans: every type of value on every owner of attributes. The texts are few, so that
//! predicates match.

use std::sync::Arc;

use throughline_testkit::{Ids, Sent, span};
use throughline_wire::{
    AttributeValue, InstrumentationScope, Resource, SpanEvent, SpanId, SpanKind, TraceId,
    UnixNanos, semconv,
};

pub(super) const KEYS: [&str; 5] = ["http.route", "shop.size", "ratio", "cached", "tags"];

pub(super) fn below(ids: &mut Ids, bound: u64) -> usize {
    ids.below(bound) as usize
}

pub(super) fn word(ids: &mut Ids) -> &'static str {
    ["cart", "Order", "7", "true", "2.5", "order-cart", "", "ä"][below(ids, 8)]
}

fn value(ids: &mut Ids) -> AttributeValue {
    match ids.below(8) {
        0..=2 => word(ids).into(),
        3 => (ids.below(9) as i64).into(),
        4 => (ids.below(6) as f64 / 2.0).into(),
        5 => (ids.below(2) == 0).into(),
        6 => vec![
            AttributeValue::from(word(ids)),
            (ids.below(9) as i64).into(),
        ]
        .into(),
        _ => vec![1_u8, 2].into(),
    }
}

/// Returns a span of `service` in a trace.
pub(super) fn random(
    ids: &mut Ids,
    service: &'static str,
    trace_id: TraceId,
    start: UnixNanos,
    parent: Option<SpanId>,
) -> Sent {
    let kind = [SpanKind::Server, SpanKind::Client, SpanKind::Internal][below(ids, 3)];
    let mut one = span(["GET /cart", "PUT /Cart", "work", "ÄRGER ΟΔΟΣ"][below(ids, 4)])
        .in_trace(trace_id)
        .id(ids.span_id())
        .kind(kind)
        .starts(start)
        .lasts(ids.below(1_000) as i64);
    if let Some(parent) = parent {
        one = one.parent(parent);
    }
    if ids.below(4) == 0 {
        one = one.error(["Timed out", "no cart", "ärger", ""][below(ids, 4)]);
    }
    for key in KEYS {
        if ids.below(3) == 0 {
            one = one.with(key, value(ids));
        }
    }
    // A value that is stored as a payload.
    if ids.below(12) == 0 {
        one = one.with("body", format!("{}{}", "o".repeat(9_000), word(ids)));
    }
    let mut one = one.build();
    if ids.below(4) == 0 {
        one.events.push(SpanEvent {
            time: one.start,
            name: "event".into(),
            attributes: [(KEYS[below(ids, 5)], value(ids))].into_iter().collect(),
            dropped_attributes_count: 0,
        });
    }
    if ids.below(4) == 0 {
        let texts = ["TIMED out again", "no cart", "ÄRGER", ""];
        let message = texts[below(ids, 4)];
        let attributes = [
            (semconv::EXCEPTION_TYPE, "Timed"),
            (semconv::EXCEPTION_MESSAGE, message),
        ];
        let count = 1 + below(ids, 2);
        one.events.push(SpanEvent {
            time: one.start,
            name: semconv::EVENT_EXCEPTION.into(),
            attributes: attributes.into_iter().take(count).collect(),
            dropped_attributes_count: 0,
        });
    }
    let mut resource = Resource::of_service(service);
    if ids.below(2) == 0 {
        resource.attributes.insert(KEYS[below(ids, 2)], word(ids));
    }
    let mut scope = InstrumentationScope::default();
    if ids.below(4) == 0 {
        scope.attributes.insert(KEYS[below(ids, 2)], word(ids));
    }
    Sent {
        resource: Arc::new(resource),
        scope: Arc::new(scope),
        span: one,
    }
}
