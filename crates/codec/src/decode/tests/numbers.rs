//! Tests of starts, sequence numbers and reported drops.

use super::*;

#[test]
fn a_bad_start_is_rejected_alone_and_its_index_is_named() {
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
fn the_sequence_numbers_of_rejected_spans_are_known() {
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

#[test]
fn unknown_drop_reasons_are_counted_as_other() {
    let batch = decode(&json!({"dropped": {"queue_full": 3, "moonlight": 4}}));
    let expected = [(DropReason::QueueFull, 3), (DropReason::Other, 4)];
    assert_eq!(batch.dropped, expected.into());
}
