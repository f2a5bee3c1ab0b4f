//! Tests of the log records and events of a batch.

use throughline_wire::LogRecord;

use super::*;

proptest! {
    #[test]
    fn a_record_reads_back_from_native_json(record in strategies::log_record(Content::Any)) {
        let json = serde_json::to_string(&record).expect("serialises");
        prop_assert_eq!(serde_json::from_str::<LogRecord>(&json).expect("reads"), record);
    }
}

fn placed() -> Value {
    json!({
        "time_ns": "1700000000000000000", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "span_id": "00f067aa0ba902b7", "event_name": "order.placed", "severity_number": 9,
        "body": "order 7 is placed", "attributes": {"order.id": "7"},
    })
}

#[test]
fn all_fields_of_an_event_are_read_and_all_are_optional() {
    let batch = decode(&json!({"events": [placed(), {}]}));
    assert_eq!(batch.rejected_events, []);
    let valid = batch.validate(&Limits::default(), NOW);
    let [event, bare] = &valid.batch.events[..] else {
        panic!("two: {valid:?}")
    };
    assert_eq!(event.event_name, "order.placed");
    assert_eq!(event.body.as_str(), Some("order 7 is placed"));
    assert_eq!(serde_json::to_value(event).expect("is written"), placed());
    assert_eq!((bare.time, bare.trace_id), (NOW, None));
}

#[test]
fn a_bad_event_is_rejected_alone_and_its_field_is_named() {
    let with = |field: &str, value: Value| {
        let mut event = placed();
        event[field] = value;
        event
    };
    let rows = [
        (
            with("trace_id", json!("0".repeat(32))),
            "events[1].trace_id: is all zeros",
        ),
        (
            with("span_id", json!("no")),
            "events[1].span_id: has the wrong length",
        ),
        (with("time_ns", json!("soon")), "events[1].time_ns: "),
        (
            with("time_ns", json!("-1")),
            "events[1].time_ns: is before 1970",
        ),
        (
            with("severity_number", json!("loud")),
            "events[1].severity_number: ",
        ),
        (with("attributes", json!(3)), "events[1].attributes: "),
        (json!([1]), "events[1]: is not an object"),
    ];
    for (bad, reason) in rows {
        let batch = decode(&json!({"spans": [span_json()], "events": [placed(), bad, placed()]}));
        let valid = batch.validate(&Limits::default(), NOW);
        assert_eq!((valid.batch.spans.len(), valid.batch.events.len()), (1, 2));
        let [rejected] = &valid.rejected_events[..] else {
            panic!("one: {valid:?}")
        };
        assert_eq!(rejected.index, 1);
        assert!(rejected.reason.starts_with(reason), "{}", rejected.reason);
    }
}

#[test]
fn an_invalid_severity_is_dropped_and_a_lone_surrogate_is_marked() {
    let body = br#"{"events": [{"severity_number": 300, "body": "\ud800"}]}"#;
    let batch = decode_batch(body).expect("a batch");
    let valid = batch.validate(&Limits::default(), NOW);
    let event = &valid.batch.events[0];
    assert_eq!(event.severity_number, 0);
    assert_eq!(event.body.as_str(), Some("\u{fffd}"));
    assert!(RepairSet::of(&event.attributes).contains(Repair::InvalidUtf8));
}

#[test]
fn a_batch_with_too_many_events_is_rejected() {
    let body = format!("{{\"events\":[{}0]}}", "0,".repeat(MAX_SPANS));
    let error = decode_batch(body.as_bytes()).expect_err("refused");
    assert_eq!(error.message, "more than 100000 of them");
}
