//! Tests of the reasons for rejected spans.

use super::*;

#[test]
fn a_bad_span_is_rejected_alone() {
    let zero = with("trace_id", json!("0".repeat(32)));
    let batch = decode(&json!({"spans": [zero, span_json(), 5, span_json()]}));
    let indexes: Vec<_> = batch.spans.iter().map(|span| span.index).collect();
    assert_eq!(indexes, [1, 3]);
    let rejected: Vec<_> = batch.rejected.iter().map(|bad| bad.index).collect();
    assert_eq!(rejected, [0, 2]);
}

#[test]
fn a_rejection_reason_names_the_field() {
    let event = json!([{"name": "e", "time_ns": "1"}, {"name": "e", "time_ns": "x"}]);
    let link = json!([{"trace_id": "00", "span_id": "00f067aa0ba902b7"}]);
    for (field, value, expected) in [
        ("trace_id", json!("0".repeat(32)), "trace_id: is all zeros"),
        (
            "trace_id",
            json!("4bf9"),
            "trace_id: has the wrong length: expected 32 hexadecimal characters (16 bytes)",
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
            "attributes: $int has \"many\": expected a whole number",
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
            "links[0].trace_id: has the wrong length: expected 32 hexadecimal characters (16 bytes)",
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
fn a_rejection_reason_quotes_at_most_a_line() {
    let text = "x".repeat(1 << 20);
    let long = reason(with("attributes", json!({"k": {"$int": text}})));
    assert_eq!(long.chars().count(), "attributes: ".len() + 200 + 1);
    let word = reason(with("kind", json!(text)));
    assert!(word.contains("xx… is not one of unspecified, "), "{word}");
    assert!(word.chars().count() < 200, "{word}");
}

#[test]
fn rejections_of_decoding_and_validation_have_the_index_in_the_sent_batch() {
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
                "trace_id: has the wrong length: expected 32 hexadecimal characters (16 bytes)"
            ),
        ]
    );
}
