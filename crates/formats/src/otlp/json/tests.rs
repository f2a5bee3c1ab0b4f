//! Tests of the variants that senders write, and of the reasons for rejected spans.

use serde_json::{Value, json};
use throughline_wire::Limits;
use throughline_wire::UnixNanos;

use crate::otlp::{decode_json, decode_logs_json};

const NOW: UnixNanos = UnixNanos::new(1_700_000_100_000_000_000);

#[test]
fn ids_in_base64_are_read_like_ids_in_hexadecimal() {
    let ids = [
        ("W47/95gDgQPSabYzgT/GDA==", "7uGbfsPBsXQ="),
        ("5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"),
    ];
    let decoded = ids.map(|(trace, span)| {
        let link = json!({"traceId": trace, "spanId": span});
        let time = "1700000000000000000";
        let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": [
            {"traceId": trace, "spanId": span, "parentSpanId": span, "startTimeUnixNano": time,
             "endTimeUnixNano": time, "links": [link]},
            {"traceId": trace, "spanId": span, "parentSpanId": "AAAAAAAAAAA=",
             "startTimeUnixNano": time, "endTimeUnixNano": time},
        ]}]}]});
        let spans = decode_json(body.to_string().as_bytes()).expect("a request");
        let body = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": [
            {"traceId": trace, "spanId": span, "timeUnixNano": time},
        ]}]}]});
        let logs = decode_logs_json(body.to_string().as_bytes()).expect("a request");
        (spans, logs)
    });
    assert_eq!(decoded[0], decoded[1]);
    let [(spans, logs), _] = decoded;
    assert!(spans.rejected.is_empty() && logs.rejected.is_empty());
    let spans = spans
        .validate(&Limits::default(), NOW)
        .groups
        .remove(0)
        .spans;
    assert_eq!(spans[0].links.len(), 1);
    assert!(spans[0].parent_span_id.is_some());
    assert_eq!(spans[1].parent_span_id, None, "zeros are none");
}

#[test]
fn instrumentation_library_spans_are_read_as_scope_spans() {
    let request = |spans: &str, scope: &str| {
        let time = "1700000000000000000";
        let span = json!({
            "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174",
            "startTimeUnixNano": time, "endTimeUnixNano": time,
        });
        let body = json!({"resourceSpans": [{
            spans: [{scope: {"name": "tracer", "version": "1"}, "spans": [span]}],
        }]});
        decode_json(body.to_string().as_bytes()).expect("a request")
    };
    let old = request("instrumentationLibrarySpans", "instrumentationLibrary");
    assert_eq!(old, request("scopeSpans", "scope"));
    let group = old.validate(&Limits::default(), NOW).groups.remove(0);
    assert_eq!(group.scope.name, "tracer");
}

#[test]
fn a_rejection_reason_uses_the_field_names_of_the_sender() {
    let of = |span: &Value| {
        let body = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).to_string();
        let request = decode_json(body.as_bytes()).expect("a request");
        request.rejected[0].reason.clone()
    };
    let with = |key: &str, value: Value| {
        let mut span = json!({
            "traceId": "5b8efff798038103d269b633813fc60c",
            "spanId": "eee19b7ec3c1b174",
        });
        span[key] = value;
        of(&span)
    };
    assert_eq!(
        of(&json!(null)),
        "invalid type: null, expected a span object"
    );
    assert_eq!(
        with("traceId", json!("0".repeat(32))),
        "traceId: is all zeros"
    );
    assert_eq!(
        with("spanId", json!("00")),
        "spanId: has the wrong length: expected 16 hexadecimal characters (8 bytes)"
    );
    assert_eq!(
        with("status", json!(5)),
        "invalid type: integer `5`, expected a status object"
    );
}
