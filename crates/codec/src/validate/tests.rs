//! Tests each kind of bad input, and that a second validation changes nothing.

mod parts;
mod sizes;
mod times;

use proptest::prelude::*;
use throughline_testkit::strategies::{self, Content};
use throughline_wire::attribute::TOO_DEEP;
use throughline_wire::{SpanKind, Status};

use super::*;

const NOW: UnixNanos = UnixNanos::new(1_700_000_000 * UnixNanos::PER_SECOND);

fn clean_span() -> Span {
    Span {
        flags: 1,
        kind: SpanKind::Server,
        ..throughline_testkit::span("GET /")
            .starts(NOW.saturating_add(-2 * UnixNanos::PER_SECOND))
            .lasts(UnixNanos::PER_SECOND)
            .with("http.request.method", "GET")
            .build()
    }
}

fn check(span: Span) -> Result<Span, RejectReason> {
    validate(span, &Limits::default(), NOW, Repairs::NONE)
}

/// Changes a clean span with `change` and validates it. Returns the span and the names of its
/// repairs.
fn repaired(change: impl FnOnce(&mut Span)) -> (Span, Vec<&'static str>) {
    let mut span = clean_span();
    change(&mut span);
    let span = check(span).expect("is kept");
    let kinds = RepairSet::of(&span.attributes);
    (span, kinds.iter().map(Repair::as_str).collect())
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
fn validation_does_not_change_a_valid_span() {
    assert_eq!(check(clean_span()), Ok(clean_span()));
}

#[test]
fn an_empty_name_is_valid() {
    let (span, kinds) = repaired(|span| span.name = "".into());
    assert_eq!(span.name, "");
    assert!(kinds.is_empty());
}

#[test]
fn nul_is_replaced_by_its_symbol_in_every_text() {
    let (span, kinds) = repaired(|span| {
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
    assert_eq!(kinds, ["control_characters"]);
    assert_eq!(span.name, "a\u{2400}b");
    let json = serde_json::to_string(&span).expect("serialises");
    assert!(!json.contains("\\u0000"), "{json}");
    assert_eq!(json.matches('\u{2400}').count(), 8);
}

#[test]
fn keys_that_a_repair_makes_equal_keep_the_last_value() {
    let (span, kinds) = repaired(|span| {
        span.attributes = [("a\0", 1_i64), ("a\u{2400}", 2)].into_iter().collect();
    });
    assert_eq!(span.attributes.len(), 2, "the key and the kinds");
    assert_eq!(
        span.attributes.get("a\u{2400}"),
        Some(&AttributeValue::Int(2))
    );
    assert_eq!(span.dropped_attributes_count, 1);
    assert_eq!(kinds, ["attributes_dropped", "control_characters"]);
}

#[test]
fn a_span_that_is_its_own_parent_is_stored_and_marked() {
    let (span, kinds) = repaired(|span| span.parent_span_id = Some(span.span_id));
    assert_eq!(span.parent_span_id, Some(span.span_id));
    assert_eq!(kinds, ["parent_is_self"]);
}

#[test]
fn repairs_of_the_sender_are_merged_and_other_values_replaced() {
    let (_, kinds) = repaired(|span| {
        span.parent_span_id = Some(span.span_id);
        let sent = AttributeValue::Array(vec!["value_cut".into(), "<script>".into(), 5_i64.into()]);
        span.attributes.insert(semconv::REPAIRS, sent);
    });
    assert_eq!(kinds, ["parent_is_self", "value_cut"]);
    let (span, kinds) = repaired(|span| span.attributes.insert(semconv::REPAIRS, "all well"));
    assert_eq!(span.attributes.get(semconv::REPAIRS), None);
    assert!(kinds.is_empty());
}

#[test]
fn truncated_sizes_in_sent_attributes_are_not_trusted() {
    let strange = Limits {
        believes_cuts: false,
        ..Limits::default()
    };
    let forged = |kinds: &'static str, value: AttributeValue| {
        let mut span = clean_span();
        let kinds = AttributeValue::Array(vec![kinds.into()]);
        span.attributes.insert(semconv::REPAIRS, kinds);
        span.attributes.insert(semconv::CUT_BYTES, i64::MAX);
        span.attributes.insert("value", value);
        let span = validate(span, &strange, NOW, Repairs::NONE).expect("is kept");
        let cuts = span.attributes.iter();
        let cuts = cuts.filter(|(key, _)| *key == semconv::CUT_BYTES);
        cuts.map(|(_, value)| value.as_int().expect("a number"))
            .collect::<Vec<_>>()
    };
    assert!(forged("value_cut", 1_i64.into()).is_empty());
    let large = "x".repeat((1 << 20) + 100);
    let cut = forged("value_cut", large.clone().into());
    assert!(cut.len() == 1 && cut[0] < 1_000, "{cut:?}");
    assert_eq!(forged("parent_is_self", large.into()), cut);
    let text = "… [cut: 9223372036854775807 values]";
    assert!(forged("value_cut", AttributeValue::Array(vec![text.into()])).is_empty());
}

#[test]
fn sent_names_of_dropped_attributes_are_not_trusted() {
    for limits in [
        Limits::default(),
        Limits {
            believes_cuts: false,
            ..Limits::default()
        },
    ] {
        let mut span = clean_span();
        for at in 0..Limits::default().attributes {
            span.attributes.insert(format!("key {at}"), at as i64);
        }
        span.attributes.insert("…", "… [cut: 0 values]");
        let sent = span.attributes.len();
        let span = validate(span, &limits, NOW, Repairs::NONE).expect("is kept");
        let kept = Limits::default().attributes;
        assert_eq!(span.dropped_attributes_count as usize, sent - kept);
    }
}

#[test]
fn limits_apply_to_resources_and_scopes() {
    let mut resource = Resource::of_service("shop\0");
    for at in 0..2000_i64 {
        resource
            .attributes
            .push_unchecked(at.to_string().into(), at.into());
    }
    let resource = validate_resource(
        resource,
        &Limits::default(),
        Repairs::NONE,
        &mut PartBudget::for_request(),
    );
    assert_eq!(resource.service_name(), "shop\u{2400}");
    assert_eq!(resource.dropped_attributes_count, 977);
    assert!(RepairSet::of(&resource.attributes).contains(Repair::AttributesDropped));

    let scope = InstrumentationScope {
        name: "n".repeat(2000).into(),
        ..InstrumentationScope::default()
    };
    let scope = validate_scope(
        scope,
        &Limits::default(),
        Repairs::NONE,
        &mut PartBudget::for_request(),
    );
    assert_eq!(scope.name.chars().count(), 1024);
    assert!(RepairSet::of(&scope.attributes).contains(Repair::NameCut));
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
    fn what_was_validated_is_valid(span in strategies::span(Content::Any), now in 1_i64..) {
        for limits in [Limits::default(), tight()] {
            let now = UnixNanos::new(now);
            if let Ok(once) = validate(span.clone(), &limits, now, Repairs::NONE) {
                let twice = validate(once.clone(), &limits, now, Repairs::NONE);
                // Compared as text, because NaN does not equal itself.
                prop_assert_eq!(format!("{:?}", twice), format!("{:?}", Ok::<_, RejectReason>(once)));
            }
        }
    }

    #[test]
    fn what_is_kept_has_times_in_order(span in strategies::span(Content::Any), now in 1_i64..) {
        let now = UnixNanos::new(now);
        if let Ok(span) = validate(span, &tight(), now, Repairs::NONE) {
            prop_assert!(0 < span.start.get() && span.start <= span.end);
            prop_assert!(span.end.since(now) <= 2 * UnixNanos::PER_DAY);
            prop_assert!(span.events.iter().all(|event| event.time.get() > 0));
        }
    }
}
