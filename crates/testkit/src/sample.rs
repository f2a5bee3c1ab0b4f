//! Sample data: spans with every field filled, and a trace like the demo shop's.

use throughline_wire::{AttributeValue, Attributes, Span, SpanKind, Status, StatusCode, UnixNanos};

use crate::{Ids, NOW, Sent, span};

/// Returns attributes of every type, extremes included. NaN is left out, because it equals nothing.
pub fn every_attribute_kind() -> Attributes {
    let mut inner = Attributes::default();
    inner.insert(
        "deep",
        vec![AttributeValue::Empty, AttributeValue::from(1_i64)],
    );
    let mut all = Attributes::default();
    all.insert("empty", AttributeValue::Empty);
    all.insert("text", "a \u{1f9f5} \"quoted\" <b>\n");
    all.insert("no text", "");
    all.insert("true", true);
    all.insert("false", false);
    all.insert("least", i64::MIN);
    all.insert("greatest", i64::MAX);
    all.insert("zero", 0_i64);
    all.insert("minus zero", -0.0_f64);
    all.insert("double", 0.1_f64);
    all.insert("infinity", f64::INFINITY);
    all.insert("bytes", vec![0_u8, 255, 1]);
    all.insert(
        "array",
        vec![AttributeValue::from("a"), AttributeValue::from(1.5_f64)],
    );
    all.insert("no array", Vec::<AttributeValue>::new());
    all.insert("map", inner);
    all.insert("no map", Attributes::EMPTY);
    all
}

/// Returns a span with every field filled.
pub fn rich_span() -> Span {
    let mut ids = Ids::seeded(77);
    let other = span("elsewhere").id(ids.span_id()).build();
    let mut rich = span("everything")
        .parent(ids.span_id())
        .kind(SpanKind::Consumer)
        .event(5, "first", every_attribute_kind())
        .event(1, "second, earlier", Attributes::EMPTY)
        .linked_to(&other)
        .build();
    rich.attributes = every_attribute_kind();
    rich.trace_state = "vendor=1,other=2".into();
    rich.flags = u32::MAX;
    rich.status = Status {
        code: StatusCode::Error,
        message: "broken \u{1f4a5}".into(),
    };
    rich.dropped_attributes_count = 1;
    rich.dropped_events_count = 2;
    rich.dropped_links_count = u32::MAX;
    rich.events[0].dropped_attributes_count = 3;
    rich.links[0].attributes = every_attribute_kind();
    rich.links[0].trace_state = "a=b".into();
    rich.links[0].flags = 0x301;
    rich.links[0].dropped_attributes_count = 4;
    rich
}

/// Returns the trace of a click, its request, a statement, a job and the job's statement: five
/// spans of three services.
pub fn shop_trace(ids: &mut Ids) -> Vec<Sent> {
    let at = |ms: i64| NOW.saturating_add(ms * UnixNanos::PER_MILLI);
    let ms = |ms: i64| ms * UnixNanos::PER_MILLI;
    let trace_id = ids.trace_id();
    let click = span("click Place order")
        .in_trace(trace_id)
        .id(ids.span_id())
        .session("s-1")
        .lasts(ms(120))
        .build();
    let request = span("POST /api/orders")
        .id(ids.span_id())
        .child_of(&click)
        .kind(SpanKind::Server)
        .user("ada")
        .starts(at(10))
        .lasts(ms(100))
        .build();
    let insert = span("INSERT orders")
        .id(ids.span_id())
        .child_of(&request)
        .kind(SpanKind::Client)
        .starts(at(30))
        .lasts(ms(4))
        .build();
    let job = span("process confirmation")
        .id(ids.span_id())
        .child_of(&request)
        .kind(SpanKind::Consumer)
        .starts(at(500))
        .lasts(ms(60))
        .error("mail server said no")
        .build();
    let update = span("UPDATE jobs")
        .id(ids.span_id())
        .child_of(&job)
        .kind(SpanKind::Client)
        .starts(at(510))
        .lasts(ms(2))
        .build();
    vec![
        Sent::by("shop-front", click),
        Sent::by("shop", request),
        Sent::by("shop", insert),
        Sent::by("shop-worker", job),
        Sent::by("shop-worker", update),
    ]
}
