//! What each malformed body or span is answered with.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::attribute::TOO_DEEP;
use crate::{AttributeValue, Mark, SpanKind, strategies};

const NOW: UnixNanos = UnixNanos::new(1_700_000_000 * UnixNanos::PER_SECOND);

fn span_json() -> Value {
    json!({
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "span_id": "00f067aa0ba902b7",
        "name": "GET /",
        "start_ns": "1700000000000000000",
        "end_ns": "1700000000100000000",
    })
}

fn with(field: &str, value: Value) -> Value {
    let mut span = span_json();
    span[field] = value;
    span
}

/// A batch of one span whose attribute `k` has the value `raw`.
fn with_attribute(raw: &[u8]) -> Vec<u8> {
    let span = with("attributes", json!({"k": "@"})).to_string();
    let (before, after) = span.split_once("\"@\"").expect("the placeholder");
    let mut body = b"{\"spans\":[".to_vec();
    body.extend([before.as_bytes(), raw, after.as_bytes()].concat());
    body.extend(b"]}");
    body
}

fn attribute_of(raw: &[u8]) -> (AttributeValue, Marks) {
    let mut batch = decode_batch(&with_attribute(raw)).expect("a batch");
    assert_eq!(batch.rejected, []);
    let span = batch.spans.remove(0);
    (
        span.span.attributes.get("k").expect("kept").clone(),
        span.marks,
    )
}

fn decode(body: &Value) -> DecodedBatch {
    decode_batch(body.to_string().as_bytes()).expect("a batch")
}

fn reason(span: Value) -> String {
    let batch = decode(&json!({"spans": [span]}));
    assert_eq!(batch.spans, []);
    batch.rejected[0].reason.clone()
}

#[test]
fn nothing_at_all_is_an_empty_batch() {
    for body in [
        "",
        " \r\n",
        "{}",
        r#"{"spans":null}"#,
        r#"{"spans":[],"resource":{}}"#,
        r#"{"unknown":[{"deep":[[[]]]}]}"#,
    ] {
        assert_eq!(
            decode_batch(body.as_bytes()),
            Ok(DecodedBatch::default()),
            "{body}"
        );
    }
}

#[test]
fn a_body_that_is_not_a_batch_is_an_error_that_names_the_place() {
    for (body, error) in [
        (&b"[]"[..], "line 1, column 1: expected an object"),
        (b"\n null", "line 2, column 2: expected an object"),
        (
            b"\xef\xbb\xbf{}",
            "line 1, column 1: a byte-order mark begins it",
        ),
        (b"{\"spans\":\n[}", "line 2, column 2: expected value"),
        (
            b"{\"spans\":[",
            "line 1, column 10: EOF while parsing a list",
        ),
        (b"{} {}", "line 1, column 4: trailing characters"),
        (
            b"{\"spans\":5}",
            "line 1, column 10: invalid type: integer `5`, expected a list of spans",
        ),
        (
            b"{\"spans\":[],\"spans\":[]}",
            "line 1, column 19: duplicate field `spans`",
        ),
        (
            b"{\n\"resource\":{\n\"attributes\":5}}",
            "line 3, column 14: resource: invalid type: integer `5`, expected an object of attributes",
        ),
        (
            b"{\"scope\":[]}",
            "line 1, column 10: scope: is not an object",
        ),
        (b"{\"spans\":[\xff]}", "line 1, column 11: expected value"),
    ] {
        let found = decode_batch(body).expect_err("not a batch").to_string();
        assert_eq!(found, error, "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn a_batch_of_more_spans_than_any_sender_holds_is_refused() {
    let body = |count| format!("{{\"spans\":[{}0]}}", "0,".repeat(count - 1));
    let batch = decode_batch(body(MAX_SPANS).as_bytes()).expect("a batch");
    assert_eq!(batch.rejected.len(), MAX_SPANS);
    let error = decode_batch(body(MAX_SPANS + 1).as_bytes()).expect_err("refused");
    assert_eq!(error.message, "more than 100000 spans");
}

#[test]
fn a_bad_span_is_rejected_by_itself() {
    let zero = with("trace_id", json!("0".repeat(32)));
    let batch = decode(&json!({"spans": [zero, span_json(), 5, span_json()]}));
    let indexes: Vec<_> = batch.spans.iter().map(|span| span.index).collect();
    assert_eq!(indexes, [1, 3]);
    let rejected: Vec<_> = batch.rejected.iter().map(|bad| bad.index).collect();
    assert_eq!(rejected, [0, 2]);
}

#[test]
fn the_reason_names_the_field() {
    let event = json!([{"name": "e", "time_ns": "1"}, {"name": "e", "time_ns": "x"}]);
    let link = json!([{"trace_id": "00", "span_id": "00f067aa0ba902b7"}]);
    for (field, value, expected) in [
        ("trace_id", json!("0".repeat(32)), "trace_id: is all zeros"),
        (
            "trace_id",
            json!("4bf9"),
            "trace_id: has the wrong length; it takes 32 hexadecimal characters (16 bytes)",
        ),
        (
            "span_id",
            json!("00f067aa0ba902bg"),
            "span_id: contains a character that is not hexadecimal",
        ),
        (
            "parent_span_id",
            json!(7),
            "parent_span_id: invalid type: integer `7`, expected 16 hexadecimal characters",
        ),
        (
            "start_ns",
            json!(u64::MAX),
            "start_ns: invalid value: integer `18446744073709551615`, expected nanoseconds since \
             the Unix epoch, as a decimal string or an integer",
        ),
        (
            "kind",
            json!("servant"),
            "kind: \"servant\" is not one of unspecified, internal, server, client, producer, \
             consumer",
        ),
        (
            "kind",
            json!(2),
            "kind: 2 is not one of unspecified, internal, server, client, producer, consumer",
        ),
        (
            "status",
            json!({"code": "fine"}),
            "status.code: \"fine\" is not one of unset, ok, error",
        ),
        (
            "status",
            json!("ok"),
            "status: invalid type: string \"ok\", expected a status object",
        ),
        (
            "attributes",
            json!({"a": {"$bytes": "*"}}),
            "attributes: $bytes is not base64: Invalid symbol 42, offset 0.",
        ),
        (
            "events",
            json!([null]),
            "events[0]: invalid type: null, expected an event object",
        ),
        (
            "attributes",
            json!({"a": {"$int": "many"}}),
            "attributes: $int holds \"many\", not a whole number",
        ),
        (
            "events",
            event,
            "events[1].time_ns: invalid value: string \"x\", expected nanoseconds since the Unix epoch, \
             as a decimal string or an integer",
        ),
        (
            "links",
            link,
            "links[0].trace_id: has the wrong length; it takes 32 hexadecimal characters (16 bytes)",
        ),
        (
            "name",
            json!(null),
            "name: invalid type: null, expected a string",
        ),
    ] {
        assert_eq!(reason(with(field, value)), expected);
    }
    assert_eq!(reason(json!({})), "missing field `trace_id`");
    assert_eq!(reason(json!([1, 2])), "is not an object");
    assert_eq!(
        reason(json!("span")),
        "invalid type: string \"span\", expected a span object"
    );
}

#[test]
fn a_reason_never_quotes_more_than_a_line() {
    let text = "x".repeat(1 << 20);
    let long = reason(with("attributes", json!({"k": {"$int": text}})));
    assert_eq!(long.chars().count(), "attributes: ".len() + 200 + 1);
    let word = reason(with("kind", json!(text)));
    assert!(word.contains("xx… is not one of unspecified, "), "{word}");
    assert!(word.chars().count() < 200, "{word}");
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
        let (value, marks) = attribute_of(raw.as_bytes());
        assert_eq!(value.as_str(), Some(expected));
        assert_eq!(marks, [Mark::InvalidUtf8].into_iter().collect());
    }
    let (value, marks) = attribute_of(br#""\ud83d\ude00 \\ud800""#);
    assert_eq!(value.as_str(), Some("\u{1f600} \\ud800"));
    assert!(marks.is_empty());
}

#[test]
fn bytes_that_are_not_utf8_mark_the_span_they_are_in() {
    let (value, marks) = attribute_of(b"\"a\xffb\"");
    assert_eq!(value.as_str(), Some("a\u{fffd}b"));
    assert!(marks.contains(Mark::InvalidUtf8));
    let span = span_json();
    let mut body = format!("{{\"spans\":[{span},").into_bytes();
    body.extend(&with_attribute(b"\"\xff\"")[10..]);
    let batch = decode_batch(&body).expect("a batch");
    let marked: Vec<_> = batch.spans.iter().map(|span| span.marks).collect();
    assert_eq!(
        marked,
        [Marks::NONE, [Mark::InvalidUtf8].into_iter().collect()]
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
    assert!(Marks::of(&batch.resource.attributes).contains(Mark::InvalidUtf8));
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
        // Off by one unit when read with less care.
        (
            "0.12280900790989844",
            AttributeValue::Double(0.122_809_007_909_898_44),
        ),
    ] {
        assert_eq!(
            attribute_of(raw.as_bytes()),
            (expected, Marks::NONE),
            "{raw}"
        );
    }
    match attribute_of(b"-0.0").0 {
        AttributeValue::Double(zero) => assert!(zero == 0.0 && zero.is_sign_negative()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_number_beyond_a_double_is_an_infinity_with_a_mark() {
    for (raw, expected) in [("1e400", f64::INFINITY), ("-1e400", f64::NEG_INFINITY)] {
        let (value, marks) = attribute_of(raw.as_bytes());
        assert_eq!(value, AttributeValue::Double(expected));
        assert_eq!(marks, [Mark::NumberOverflow].into_iter().collect());
    }
    assert_eq!(
        reason(with("flags", json!(1.5))),
        "flags: invalid type: floating point `1.5`, expected a whole number from 0 to 4294967295"
    );
}

#[test]
fn a_value_nested_200_deep_ends_in_a_marker_and_the_span_is_kept() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("{\"$map\":{\"a\":", "}}")] {
        for levels in [200, 100_000] {
            let raw = format!("{}1{}", open.repeat(levels), close.repeat(levels));
            let batch = decode_batch(&with_attribute(raw.as_bytes())).expect("a batch");
            assert_eq!(batch.rejected, []);
            let batch = batch.validate(&Limits::default(), NOW).batch;
            let attributes = &batch.spans[0].attributes;
            let json = serde_json::to_string(attributes).expect("serialises");
            assert!(json.contains(TOO_DEEP), "{json}");
            assert!(Marks::of(attributes).contains(Mark::NestedTooDeep));
        }
    }
}

#[test]
fn unknown_fields_are_ignored_and_missing_ones_have_defaults() {
    let span = with("colour", json!({"of": ["no", "matter"]}));
    let batch = decode(&json!({"spans": [span], "version": 7}));
    let span = &batch.spans[0].span;
    assert_eq!(span.kind, SpanKind::Internal);
    assert!(span.attributes.is_empty() && span.parent_span_id.is_none());
}

#[test]
fn reasons_to_drop_that_are_not_known_are_counted_as_others() {
    let batch = decode(&json!({"dropped": {"queue_full": 3, "moonlight": 4}}));
    let expected = [(DropReason::QueueFull, 3), (DropReason::Other, 4)];
    assert_eq!(batch.dropped, expected.into());
}

#[test]
fn rejections_of_both_steps_name_places_of_the_batch_as_sent() {
    let early = with("start_ns", json!("-5"));
    let bad = with("trace_id", json!("no"));
    let batch = decode(&json!({"spans": [early, span_json(), bad]}));
    let ValidBatch {
        batch, rejected, ..
    } = batch.validate(&Limits::default(), NOW);
    assert_eq!(batch.spans.len(), 1);
    let reasons: Vec<_> = rejected
        .iter()
        .map(|bad| (bad.index, bad.reason.as_str()))
        .collect();
    assert_eq!(
        reasons,
        [
            (0, "start_ns: is before 1970"),
            (
                2,
                "trace_id: has the wrong length; it takes 32 hexadecimal characters (16 bytes)"
            ),
        ]
    );
}

#[test]
fn a_bad_start_costs_itself_and_says_where_it_stands() {
    let start = json!({
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "span_id": "00f067aa0ba902b7",
        "name": "GET /", "start_ns": "1700000000000000000", "sequence": 7,
    });
    let (mut early, mut bad) = (start.clone(), start.clone());
    early["start_ns"] = json!("-5");
    bad["kind"] = json!("sideways");
    let batch = decode(&json!({"spans": [span_json()], "starts": [bad, start, early]}));
    let valid = batch.validate(&Limits::default(), NOW);
    assert_eq!(valid.batch.spans.len(), 1);
    assert_eq!(valid.batch.starts.len(), 1);
    assert_eq!(valid.batch.starts[0].sequence, Some(7));
    let reasons: Vec<_> = valid
        .rejected_starts
        .iter()
        .map(|bad| (bad.index, bad.reason.as_str()))
        .collect();
    assert_eq!(reasons[1], (2, "starts[2].start_ns: is before 1970"));
    assert_eq!(reasons[0].0, 0);
    assert!(reasons[0].1.starts_with("starts[0].kind: "), "{reasons:?}");
}

#[test]
fn the_numbers_of_spans_that_are_left_out_are_known() {
    let mut unread = with("trace_id", json!("no"));
    unread["sequence"] = json!(3);
    let mut early = with("start_ns", json!("-5"));
    early["sequence"] = json!(5);
    let valid = decode(&json!({"spans": [unread, span_json(), early, 1]}))
        .validate(&Limits::default(), NOW);
    assert_eq!(valid.rejected.len(), 3);
    assert_eq!(valid.rejected_sequences, [3, 5]);
}

#[test]
fn a_sequence_that_cannot_be_read_is_an_error_of_the_batch() {
    let body = br#"{"sequence": {"process": "0000000000000000", "next": 1}}"#;
    let error = decode_batch(body).expect_err("zero is no process");
    assert!(error.message.starts_with("sequence: "), "{error}");
}

proptest! {
    #[test]
    fn a_batch_reads_back_as_it_was_written(
        spans in proptest::collection::vec(strategies::span(), 0..3),
        attributes in strategies::attributes(),
    ) {
        let batch = SpanBatch {
            resource: Resource { attributes, ..Resource::default() },
            spans,
            ..SpanBatch::default()
        };
        let json = serde_json::to_vec(&batch).expect("serialises");
        let decoded = decode_batch(&json)?;
        prop_assert_eq!(&decoded.rejected, &[]);
        prop_assert!(decoded.spans.iter().all(|span| span.marks.is_empty()));
        let spans: Vec<_> = decoded.spans.into_iter().map(|span| span.span).collect();
        prop_assert_eq!(format!("{spans:?}"), format!("{:?}", batch.spans));
        prop_assert_eq!(
            format!("{:?}", decoded.resource.attributes),
            format!("{:?}", batch.resource.attributes)
        );
    }

    #[test]
    fn no_body_panics(body: Vec<u8>) {
        let _ = decode_batch(&body);
    }

    #[test]
    fn no_value_of_an_attribute_panics(raw in r#"[\[\]{}",:\\u0-9a-fdeE.$ -]{0,60}"#) {
        if let Ok(batch) = decode_batch(&with_attribute(raw.as_bytes())) {
            batch.validate(&Limits::default(), NOW);
        }
    }

    #[test]
    fn a_changed_byte_costs_no_other_span(at in 0_usize..150, byte in 0x20_u8..0x7f) {
        let good = span_json().to_string();
        let mut bad = good.clone().into_bytes();
        if let Some(old) = bad.get_mut(at) {
            *old = byte;
        }
        if let Ok(bad) = String::from_utf8(bad)
            && serde_json::from_str::<Value>(&bad).is_ok()
        {
            let batch = decode_batch(format!("{{\"spans\":[{good},{bad},{good}]}}").as_bytes())?;
            let kept: Vec<_> = batch.spans.iter().map(|span| span.index).collect();
            prop_assert!(kept == [0, 1, 2] || kept == [0, 2]);
        }
    }
}
