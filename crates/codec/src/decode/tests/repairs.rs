//! Tests of the repairs of texts and numbers.

use super::*;

fn attribute_of(raw: &[u8]) -> (AttributeValue, RepairSet) {
    let mut batch = decode_batch(&with_attribute(raw)).expect("a batch");
    assert_eq!(batch.rejected, []);
    let span = batch.spans.remove(0);
    (
        span.item.attributes.get("k").expect("kept").clone(),
        span.repairs.kinds,
    )
}

#[test]
fn lone_surrogates_become_the_replacement_character() {
    for (raw, expected) in [
        (r#""\ud800""#, "\u{fffd}"),
        (r#""a\udc00b""#, "a\u{fffd}b"),
        (r#""\ud83d\ude00\ud83d""#, "\u{1f600}\u{fffd}"),
        (r#""\ud800\ud800\udc00""#, "\u{fffd}\u{10000}"),
        (r#""\\ud800\ud800A1e999""#, "\\ud800\u{fffd}A1e999"),
    ] {
        let (value, kinds) = attribute_of(raw.as_bytes());
        assert_eq!(value.as_str(), Some(expected));
        assert_eq!(kinds, [Repair::InvalidUtf8].into_iter().collect());
    }
    let (value, kinds) = attribute_of(br#""\ud83d\ude00 \\ud800""#);
    assert_eq!(value.as_str(), Some("\u{1f600} \\ud800"));
    assert!(kinds.is_empty());
}

#[test]
fn bytes_that_are_not_utf8_mark_their_span() {
    let (value, kinds) = attribute_of(b"\"a\xffb\"");
    assert_eq!(value.as_str(), Some("a\u{fffd}b"));
    assert!(kinds.contains(Repair::InvalidUtf8));
    let span = span_json();
    let mut body = format!("{{\"spans\":[{span},").into_bytes();
    body.extend(&with_attribute(b"\"\xff\"")[10..]);
    let batch = decode_batch(&body).expect("a batch");
    let marked: Vec<_> = batch.spans.iter().map(|span| span.repairs.kinds).collect();
    assert_eq!(
        marked,
        [RepairSet::NONE, [Repair::InvalidUtf8].into_iter().collect()]
    );
}

#[test]
fn a_lone_surrogate_in_the_resource_marks_the_resource() {
    let body = br#"{"resource":{"attributes":{"service.name":"\ud800"}}}"#;
    let batch = decode_batch(body)
        .expect("a batch")
        .validate(&Limits::default(), NOW)
        .batch;
    assert_eq!(batch.resource.service_name(), "\u{fffd}");
    assert!(RepairSet::of(&batch.resource.attributes).contains(Repair::InvalidUtf8));
}

#[test]
fn numbers_keep_their_kind_and_their_bits() {
    for (raw, expected) in [
        ("1", AttributeValue::Int(1)),
        ("1.0", AttributeValue::Double(1.0)),
        (
            "9007199254740993",
            AttributeValue::Int(9_007_199_254_740_993),
        ),
        (
            r#"{"$int":"-9223372036854775808"}"#,
            AttributeValue::Int(i64::MIN),
        ),
        (
            "18446744073709551615",
            AttributeValue::Double(18_446_744_073_709_551_615.0),
        ),
        ("5e-324", AttributeValue::Double(5e-324)),
        // Off by one unit in the last place with a less exact parser.
        (
            "0.12280900790989844",
            AttributeValue::Double(0.122_809_007_909_898_44),
        ),
    ] {
        assert_eq!(
            attribute_of(raw.as_bytes()),
            (expected, RepairSet::NONE),
            "{raw}"
        );
    }
    match attribute_of(b"-0.0").0 {
        AttributeValue::Double(zero) => assert!(zero == 0.0 && zero.is_sign_negative()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_number_beyond_a_double_is_an_infinity_and_marked() {
    for (raw, expected) in [("1e400", f64::INFINITY), ("-1e400", f64::NEG_INFINITY)] {
        let (value, kinds) = attribute_of(raw.as_bytes());
        assert_eq!(value, AttributeValue::Double(expected));
        assert_eq!(kinds, [Repair::NumberOverflow].into_iter().collect());
    }
    assert_eq!(
        reason(with("flags", json!(1.5))),
        "flags: invalid type: floating point `1.5`, expected a whole number from 0 to 4294967295"
    );
}

#[test]
fn a_value_nested_200_levels_ends_in_a_marker_and_its_span_is_stored() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("{\"$map\":{\"a\":", "}}")] {
        for levels in [200, 100_000] {
            let raw = format!("{}1{}", open.repeat(levels), close.repeat(levels));
            let batch = decode_batch(&with_attribute(raw.as_bytes())).expect("a batch");
            assert_eq!(batch.rejected, []);
            let batch = batch.validate(&Limits::default(), NOW).batch;
            let attributes = &batch.spans[0].attributes;
            let json = serde_json::to_string(attributes).expect("serialises");
            assert!(json.contains(TOO_DEEP), "{json}");
            assert!(RepairSet::of(attributes).contains(Repair::NestedTooDeep));
        }
    }
}
