//! Tests of values that are too large, too many or too deep.

use super::*;

#[test]
fn a_name_of_a_mebibyte_is_truncated_at_1024_characters() {
    let (span, kinds) = repaired(|span| span.name = "é".repeat(1 << 20).into());
    assert_eq!(span.name.chars().count(), 1024);
    assert!(span.name.ends_with("é…"));
    assert_eq!(kinds, ["name_cut"]);
    let (span, kinds) = repaired(|span| span.name = "é".repeat(1024).into());
    assert_eq!(span.name, "é".repeat(1024));
    assert!(kinds.is_empty());
}

#[test]
fn a_value_over_a_mebibyte_is_truncated_with_its_size() {
    for text in ["é".repeat(5 << 20), "x".repeat((1 << 20) + 1)] {
        let size = text.len();
        let (span, kinds) = repaired(|span| span.attributes.insert("k", text));
        let kept = span.attributes.get_str("k").expect("text");
        assert!(kept.len() <= 1 << 20 && kept.len() > (1 << 20) - 64);
        let suffix = format!("… [cut: {size} bytes]");
        let text = kept.strip_suffix(&suffix).expect("tells its size");
        let cut = span.attributes.get(semconv::CUT_BYTES);
        assert_eq!(cut, Some(&((size - text.len()) as i64).into()));
        assert_eq!(kinds, ["value_cut"]);
    }
    let (_, kinds) = repaired(|span| span.attributes.insert("k", "x".repeat(1 << 20)));
    assert!(kinds.is_empty());
}

#[test]
fn arrays_maps_and_bytes_are_truncated_by_their_total_size() {
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
        let span = validate(span, &limits, NOW, Repairs::NONE).expect("is kept");
        assert_eq!(span.attributes.get("k"), Some(&expected));
        assert!(RepairSet::of(&span.attributes).contains(Repair::ValueCut));
    }
}

#[test]
fn a_span_keeps_1024_attributes_and_counts_the_others() {
    let (span, kinds) = repaired(|span| {
        span.attributes = (0..10_000_i64).map(|at| (at.to_string(), at)).collect();
        span.dropped_attributes_count = u32::MAX - 5;
    });
    assert_eq!(span.attributes.len(), 1024 + 1, "and the kinds");
    assert_eq!(span.dropped_attributes_count, u32::MAX, "held at the end");
    assert_eq!(kinds, ["attributes_dropped"]);
}

#[test]
fn events_and_links_beyond_the_limit_are_counted() {
    let (span, kinds) = repaired(|span| {
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
    assert_eq!(kinds, ["events_dropped", "links_dropped"]);
}

#[test]
fn a_value_nested_200_levels_ends_in_a_marker() {
    let (span, kinds) = repaired(|span| {
        let mut value = AttributeValue::Empty;
        for _ in 0..200 {
            value = vec![value].into();
        }
        span.attributes.insert("deep", value);
    });
    assert_eq!(kinds, ["nested_too_deep"]);
    let json = serde_json::to_string(&span.attributes).expect("serialises");
    assert!(json.contains(&format!("{}\"{TOO_DEEP}\"", "[".repeat(64))));
}
