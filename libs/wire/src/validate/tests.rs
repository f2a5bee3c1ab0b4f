//! Each row of bad input, and that repairing twice changes nothing.

use proptest::prelude::*;

use super::*;
use crate::attribute::TOO_DEEP;
use crate::{SpanKind, Status, strategies};

const NOW: UnixNanos = UnixNanos::new(1_700_000_000 * UnixNanos::PER_SECOND);

fn clean_span() -> Span {
    Span {
        trace_id: "4bf92f3577b34da6a3ce929d0e0e4736".parse().expect("an id"),
        span_id: "00f067aa0ba902b7".parse().expect("an id"),
        parent_span_id: None,
        trace_state: "".into(),
        flags: 1,
        name: "GET /".into(),
        kind: SpanKind::Server,
        start: NOW.saturating_add(-2 * UnixNanos::PER_SECOND),
        end: NOW.saturating_add(-UnixNanos::PER_SECOND),
        status: Status::UNSET,
        attributes: [("http.request.method", "GET")].into_iter().collect(),
        dropped_attributes_count: 0,
        events: Vec::new(),
        dropped_events_count: 0,
        links: Vec::new(),
        dropped_links_count: 0,
        sequence: None,
    }
}

fn check(span: Span) -> Result<Span, RejectReason> {
    validate(span, &Limits::default(), NOW, Marks::NONE)
}

/// Validates a clean span changed by `change`; the span and the words of its marks.
fn repaired(change: impl FnOnce(&mut Span)) -> (Span, Vec<&'static str>) {
    let mut span = clean_span();
    change(&mut span);
    let span = check(span).expect("is kept");
    let marks = Marks::of(&span.attributes);
    (span, marks.iter().map(Mark::as_str).collect())
}

fn event(attributes: Attributes) -> SpanEvent {
    SpanEvent {
        time: NOW,
        name: "event".into(),
        attributes,
        dropped_attributes_count: 0,
    }
}

#[test]
fn a_clean_span_is_not_changed() {
    assert_eq!(check(clean_span()), Ok(clean_span()));
}

#[test]
fn an_empty_name_is_kept() {
    let (span, marks) = repaired(|span| span.name = "".into());
    assert_eq!(span.name, "");
    assert!(marks.is_empty());
}

#[test]
fn a_name_of_a_mebibyte_is_cut_at_1024_characters() {
    let (span, marks) = repaired(|span| span.name = "é".repeat(1 << 20).into());
    assert_eq!(span.name.chars().count(), 1024);
    assert!(span.name.ends_with("é…"));
    assert_eq!(marks, ["name_cut"]);
    let (span, marks) = repaired(|span| span.name = "é".repeat(1024).into());
    assert_eq!(span.name, "é".repeat(1024));
    assert!(marks.is_empty());
}

#[test]
fn an_end_before_the_start_is_moved_there_and_kept_apart() {
    let (span, marks) = repaired(|span| span.end = span.start.saturating_add(-5));
    assert_eq!(span.end, span.start);
    assert_eq!(marks, ["end_before_start"]);
    let sent = span.start.get() - 5;
    assert_eq!(
        span.attributes.get(semconv::SENT_END_NS),
        Some(&sent.into())
    );
}

#[test]
fn an_end_of_zero_is_moved_to_the_start() {
    let (span, marks) = repaired(|span| span.end = UnixNanos::new(0));
    assert_eq!(span.end, span.start);
    assert_eq!(marks, ["end_before_start"]);
    assert_eq!(span.attributes.get(semconv::SENT_END_NS), None);
}

#[test]
fn a_start_of_zero_is_moved_to_the_end() {
    let (span, marks) = repaired(|span| span.start = UnixNanos::new(0));
    assert_eq!((span.start, span.end), (clean_span().end, clean_span().end));
    assert_eq!(marks, ["start_missing"]);
}

#[test]
fn a_span_longer_than_a_day_is_cut_there_and_its_end_kept_apart() {
    let (span, marks) = repaired(|span| span.end = UnixNanos::new(i64::MAX));
    assert_eq!(span.duration_ns(), UnixNanos::PER_DAY);
    assert_eq!(marks, ["duration_cut"]);
    assert_eq!(
        span.attributes.get(semconv::SENT_END_NS),
        Some(&i64::MAX.into())
    );
}

#[test]
fn times_that_are_none_are_rejected() {
    for (start, end, reason) in [
        (-1, 5, "start_ns: is before 1970"),
        (5, -1, "end_ns: is before 1970"),
        (i64::MIN, i64::MIN, "start_ns: is before 1970"),
        (0, 0, "start_ns: is zero, and so is end_ns"),
    ] {
        let mut span = clean_span();
        (span.start, span.end) = (UnixNanos::new(start), UnixNanos::new(end));
        assert_eq!(check(span).expect_err("rejected").to_string(), reason);
    }
}

#[test]
fn a_clock_ten_years_ahead_is_rejected_and_one_an_hour_ahead_marked() {
    let ahead = |by: i64| {
        let mut span = clean_span();
        span.start = NOW.saturating_add(by);
        span.end = span.start.saturating_add(1);
        check(span)
    };
    let error = ahead(3650 * UnixNanos::PER_DAY).expect_err("rejected");
    assert_eq!(
        error.to_string(),
        "start_ns: is 3650 days ahead of the server's clock, more than 24 h"
    );
    let error = ahead(2 * UnixNanos::PER_DAY).expect_err("rejected");
    assert_eq!(
        error.to_string(),
        "start_ns: is 48 h ahead of the server's clock, more than 24 h"
    );
    assert!(ahead(UnixNanos::PER_DAY + 1).is_err());
    for by in [
        UnixNanos::PER_DAY,
        UnixNanos::PER_HOUR,
        -30 * UnixNanos::PER_DAY,
    ] {
        let span = ahead(by).expect("is kept");
        assert_eq!(span.start, NOW.saturating_add(by));
        assert!(Marks::of(&span.attributes).contains(Mark::ClockSkewed));
    }
    for by in [UnixNanos::PER_MINUTE, -UnixNanos::PER_DAY] {
        let span = ahead(by).expect("is kept");
        assert!(Marks::of(&span.attributes).is_empty());
    }
}

#[test]
fn nul_becomes_its_symbol_in_every_text() {
    let (span, marks) = repaired(|span| {
        let nul: Attributes = [("k\0", AttributeValue::Array(vec!["v\0".into()]))]
            .into_iter()
            .collect();
        span.name = "a\0b".into();
        span.trace_state = "\0".into();
        span.status = Status::error("\0");
        span.attributes = [("key\0", AttributeValue::Map(nul.clone()))]
            .into_iter()
            .collect();
        span.events = vec![event(nul)];
    });
    assert_eq!(marks, ["control_characters"]);
    assert_eq!(span.name, "a\u{2400}b");
    let json = serde_json::to_string(&span).expect("serialises");
    assert!(!json.contains("\\u0000"), "{json}");
    assert_eq!(json.matches('\u{2400}').count(), 8);
}

#[test]
fn keys_made_equal_by_a_repair_are_one_with_the_last_value() {
    let (span, marks) = repaired(|span| {
        span.attributes = [("a\0", 1_i64), ("a\u{2400}", 2)].into_iter().collect();
    });
    assert_eq!(span.attributes.len(), 2, "the key and the marks");
    assert_eq!(
        span.attributes.get("a\u{2400}"),
        Some(&AttributeValue::Int(2))
    );
    assert_eq!(span.dropped_attributes_count, 1);
    assert_eq!(marks, ["attributes_dropped", "control_characters"]);
}

#[test]
fn a_value_over_a_mebibyte_is_cut_and_says_its_size() {
    for text in ["é".repeat(5 << 20), "x".repeat((1 << 20) + 1)] {
        let size = text.len();
        let (span, marks) = repaired(|span| span.attributes.insert("k", text));
        let kept = span.attributes.get_str("k").expect("text");
        assert!(kept.len() <= 1 << 20 && kept.len() > (1 << 20) - 64);
        let suffix = format!("… [cut: {size} bytes]");
        let text = kept.strip_suffix(&suffix).expect("tells its size");
        let cut = span.attributes.get(semconv::CUT_BYTES);
        assert_eq!(cut, Some(&((size - text.len()) as i64).into()));
        assert_eq!(marks, ["value_cut"]);
    }
    let (_, marks) = repaired(|span| span.attributes.insert("k", "x".repeat(1 << 20)));
    assert!(marks.is_empty());
}

#[test]
fn arrays_maps_and_bytes_are_cut_by_all_they_hold() {
    let limits = Limits {
        value_bytes: 100,
        ..Limits::default()
    };
    let map: Attributes = (0..50_i64).map(|at| (at.to_string(), at)).collect();
    for (value, expected) in [
        (
            AttributeValue::Bytes(vec![7; 200]),
            [vec![7; 36], "… [cut: 200 bytes]".into()].concat().into(),
        ),
        (
            AttributeValue::Array(vec![
                "x".repeat(30).into(),
                "y".repeat(80).into(),
                3_i64.into(),
            ]),
            AttributeValue::Array(vec![
                "x".repeat(30).into(),
                format!("{}… [cut: 119 bytes]", "y".repeat(49)).into(),
            ]),
        ),
        (
            vec![AttributeValue::Int(1); 50].into(),
            [
                vec![AttributeValue::Int(1); 4],
                vec!["… [cut: 401 bytes]".into()],
            ]
            .concat()
            .into(),
        ),
        (
            map.into(),
            [
                ("0", AttributeValue::Int(0)),
                ("1", 1_i64.into()),
                ("2", 2_i64.into()),
                ("3", "… [cut: 491 bytes]".into()),
            ]
            .into_iter()
            .collect::<Attributes>()
            .into(),
        ),
    ] {
        let mut span = clean_span();
        span.attributes.insert("k", value);
        let span = validate(span, &limits, NOW, Marks::NONE).expect("is kept");
        assert_eq!(span.attributes.get("k"), Some(&expected));
        assert!(Marks::of(&span.attributes).contains(Mark::ValueCut));
    }
}

#[test]
fn of_ten_thousand_attributes_1024_are_kept_and_the_rest_counted() {
    let (span, marks) = repaired(|span| {
        span.attributes = (0..10_000_i64).map(|at| (at.to_string(), at)).collect();
        span.dropped_attributes_count = u32::MAX - 5;
    });
    assert_eq!(span.attributes.len(), 1024 + 1, "and the marks");
    assert_eq!(span.dropped_attributes_count, u32::MAX, "held at the end");
    assert_eq!(marks, ["attributes_dropped"]);
}

#[test]
fn events_and_links_beyond_the_limit_are_counted() {
    let (span, marks) = repaired(|span| {
        let link = SpanLink {
            trace_id: span.trace_id,
            span_id: span.span_id,
            trace_state: "".into(),
            flags: 0,
            attributes: Attributes::EMPTY,
            dropped_attributes_count: 0,
        };
        span.events = vec![event(Attributes::EMPTY); 1030];
        span.links = vec![link; 1025];
    });
    assert_eq!((span.events.len(), span.dropped_events_count), (1024, 6));
    assert_eq!((span.links.len(), span.dropped_links_count), (1024, 1));
    assert_eq!(marks, ["events_dropped", "links_dropped"]);
}

#[test]
fn an_event_without_a_time_gets_that_of_the_start() {
    for time in [0, -5] {
        let (span, marks) = repaired(|span| {
            span.events = vec![SpanEvent {
                time: UnixNanos::new(time),
                ..event(Attributes::EMPTY)
            }];
        });
        assert_eq!(span.events[0].time, span.start);
        assert_eq!(marks, ["event_time_missing"]);
    }
}

#[test]
fn a_value_nested_200_deep_ends_in_a_marker() {
    let (span, marks) = repaired(|span| {
        let mut value = AttributeValue::Empty;
        for _ in 0..200 {
            value = vec![value].into();
        }
        span.attributes.insert("deep", value);
    });
    assert_eq!(marks, ["nested_too_deep"]);
    let json = serde_json::to_string(&span.attributes).expect("serialises");
    assert!(json.contains(&format!("{}\"{TOO_DEEP}\"", "[".repeat(64))));
}

#[test]
fn a_span_that_is_its_own_parent_is_kept_with_a_mark() {
    let (span, marks) = repaired(|span| span.parent_span_id = Some(span.span_id));
    assert_eq!(span.parent_span_id, Some(span.span_id));
    assert_eq!(marks, ["parent_is_self"]);
}

#[test]
fn marks_of_the_sender_are_merged_and_anything_else_there_replaced() {
    let (_, marks) = repaired(|span| {
        span.parent_span_id = Some(span.span_id);
        let sent = AttributeValue::Array(vec!["value_cut".into(), "<script>".into(), 5_i64.into()]);
        span.attributes.insert(semconv::MARKS, sent);
    });
    assert_eq!(marks, ["parent_is_self", "value_cut"]);
    let (span, marks) = repaired(|span| span.attributes.insert(semconv::MARKS, "all well"));
    assert_eq!(span.attributes.get(semconv::MARKS), None);
    assert!(marks.is_empty());
}

#[test]
fn a_resource_and_a_scope_are_held_to_the_same_limits() {
    let mut resource = Resource::of_service("shop\0");
    for at in 0..2000_i64 {
        resource
            .attributes
            .push_unchecked(at.to_string().into(), at.into());
    }
    let resource = validate_resource(resource, &Limits::default(), Marks::NONE);
    assert_eq!(resource.service_name(), "shop\u{2400}");
    assert_eq!(resource.dropped_attributes_count, 977);
    assert!(Marks::of(&resource.attributes).contains(Mark::AttributesDropped));

    let scope = InstrumentationScope {
        name: "n".repeat(2000).into(),
        ..InstrumentationScope::default()
    };
    let scope = validate_scope(scope, &Limits::default(), Marks::NONE);
    assert_eq!(scope.name.chars().count(), 1024);
    assert!(Marks::of(&scope.attributes).contains(Mark::NameCut));
}

fn tight() -> Limits {
    Limits {
        name_chars: 5,
        key_chars: 5,
        value_bytes: 70,
        trace_state_bytes: 64,
        attributes: 5,
        events: 2,
        links: 2,
        ..Limits::default()
    }
}

proptest! {
    #[test]
    fn what_was_validated_is_valid(span in strategies::span(), now in 1_i64..) {
        for limits in [Limits::default(), tight()] {
            let now = UnixNanos::new(now);
            if let Ok(once) = validate(span.clone(), &limits, now, Marks::NONE) {
                let twice = validate(once.clone(), &limits, now, Marks::NONE);
                // NaN does not equal itself; its text does.
                prop_assert_eq!(format!("{:?}", twice), format!("{:?}", Ok::<_, RejectReason>(once)));
            }
        }
    }

    #[test]
    fn what_is_kept_has_times_in_order(span in strategies::span(), now in 1_i64..) {
        if let Ok(span) = validate(span, &tight(), UnixNanos::new(now), Marks::NONE) {
            prop_assert!(0 < span.start.get() && span.start <= span.end);
            prop_assert!(span.end.since(span.start) <= UnixNanos::PER_DAY);
            prop_assert!(span.events.iter().all(|event| event.time.get() > 0));
        }
    }
}
