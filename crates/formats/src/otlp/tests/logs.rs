//! Tests of log records: the output of the official encoder, and odd input.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{
    LogRecord as SentRecord, ResourceLogs, ScopeLogs, SeverityNumber,
};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message as _;
use serde_json::json;
use throughline_wire::{LogRecord, Repair, RepairSet, SpanId, TraceId};

use super::{
    Decoders, NOW_NS, attributes, damaged, id, meant, meant_all, nothing_is_a_panic, text, time,
    validated, value,
};
use crate::Validated;
use crate::otlp::{decode_logs_json, decode_logs_protobuf};

prop_compose! {
    fn record()(
        (trace_id, span_id) in (prop_oneof![Just(vec![]), id(16)], prop_oneof![Just(vec![]), id(8)]),
        (severity_text, event_name, body) in (text(), text(), proptest::option::of(value())),
        (severity_number, flags, dropped_attributes_count) in
            (0..25_i32, any::<u32>(), any::<u32>()),
        (time_unix_nano, observed_time_unix_nano) in (1..NOW_NS, 0..NOW_NS),
        attributes in attributes(),
    ) -> SentRecord {
        SentRecord {
            trace_id, span_id, severity_text, event_name, body, severity_number, flags,
            dropped_attributes_count, time_unix_nano, observed_time_unix_nano, attributes,
        }
    }
}

fn request() -> impl Strategy<Value = ExportLogsServiceRequest> {
    let scope_logs =
        (vec(record(), 0..4), text()).prop_map(|(log_records, schema_url)| ScopeLogs {
            scope: None,
            log_records,
            schema_url,
        });
    let resource_logs = vec(scope_logs, 0..3).prop_map(|scope_logs| ResourceLogs {
        scope_logs,
        ..ResourceLogs::default()
    });
    vec(resource_logs, 0..3).prop_map(|resource_logs| ExportLogsServiceRequest { resource_logs })
}

fn meant_record(sent: &SentRecord) -> LogRecord {
    LogRecord {
        time: time(sent.time_unix_nano),
        observed: time(sent.observed_time_unix_nano),
        trace_id: TraceId::from_slice(&sent.trace_id).ok(),
        span_id: SpanId::from_slice(&sent.span_id).ok(),
        parent_span_id: None,
        flags: sent.flags,
        severity_number: LogRecord::severity_from_code(sent.severity_number.into()),
        severity_text: sent.severity_text.clone().into(),
        event_name: sent.event_name.clone().into(),
        body: sent.body.as_ref().map(meant).unwrap_or_default(),
        attributes: meant_all(&sent.attributes),
        dropped_attributes_count: sent.dropped_attributes_count,
    }
}

const DECODERS: Decoders = Decoders {
    protobuf: decode_logs_protobuf,
    json: decode_logs_json,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn requests_of_the_official_encoder_are_decoded_correctly(request in request()) {
        let validated = DECODERS.read(&request);
        let records: Vec<_> = validated.groups.into_iter().flat_map(|group| group.events).collect();
        let meant: Vec<_> = request
            .resource_logs
            .iter()
            .flat_map(|logs| &logs.scope_logs)
            .flat_map(|logs| &logs.log_records)
            .map(meant_record)
            .collect();
        prop_assert_eq!(validated.event_indexes, (0..meant.len()).collect::<Vec<_>>());
        prop_assert_eq!(records, meant);
    }
}

nothing_is_a_panic!(DECODERS, request());

fn of_records(records: &serde_json::Value) -> Validated {
    let body = json!({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]});
    validated(decode_logs_json(body.to_string().as_bytes()).expect("a request"))
}

fn the_record(validated: Validated) -> LogRecord {
    assert_eq!(validated.rejected, []);
    validated
        .groups
        .into_iter()
        .next()
        .expect("a group")
        .events
        .remove(0)
}

#[test]
fn json_variants_of_real_senders_are_read() {
    let record = the_record(of_records(&json!([{
        "timeUnixNano": 1_699_999_999_000_000_000_u64,
        "observed_time_unix_nano": "1699999999000000001",
        "severityNumber": "SEVERITY_NUMBER_WARN2",
        "severityText": null,
        "body": {"string_value": "low on stock"},
        "traceId": "00000000000000000000000000000000",
        "spanId": "",
        "attributes": [{"key": "event.name", "value": {"stringValue": "stock.low"}}],
        "futureField": {"deep": []},
    }])));
    assert_eq!(record.severity_number, 14);
    assert_eq!(record.body.as_str(), Some("low on stock"));
    assert_eq!((record.trace_id, record.span_id), (None, None));
    assert_eq!(record.event_name, "stock.low");
    assert_eq!(record.attributes.get_str("event.name"), Some("stock.low"));
    assert_eq!(record.observed.get() - record.time.get(), 1);
}

#[test]
fn the_event_name_field_wins_over_the_attribute() {
    let record = the_record(of_records(&json!([{
        "timeUnixNano": "1699999999000000000",
        "eventName": "order.placed",
        "attributes": [{"key": "event.name", "value": {"stringValue": "older"}}],
    }])));
    assert_eq!(record.event_name, "order.placed");
}

#[test]
fn a_bad_record_is_rejected_alone_with_its_index() {
    let good = json!({"timeUnixNano": "1699999999000000000", "body": {"stringValue": "kept"}});
    let bad = |key: &str, value: serde_json::Value| {
        let mut record = good.clone();
        record[key] = value;
        record
    };
    let validated = of_records(&json!([
        bad("traceId", json!("xyz")),
        good,
        bad("spanId", json!("00f0")),
        bad("body", json!({"intValue": "99999999999999999999"})),
        bad("timeUnixNano", json!("-5")),
        null,
        good,
    ]));
    let named: Vec<_> = validated
        .rejected
        .iter()
        .map(|rejection| (rejection.index, rejection.reason.as_str()))
        .collect();
    assert_eq!(
        named,
        [
            (
                0,
                "traceId: has the wrong length: expected 32 hexadecimal characters (16 bytes)"
            ),
            (
                2,
                "spanId: has the wrong length: expected 16 hexadecimal characters (8 bytes)"
            ),
            (4, "time_ns: is before 1970"),
            (5, "invalid type: null, expected a log record object"),
        ]
    );
    assert_eq!(validated.event_indexes, [1, 3, 6]);
    let body = &validated.groups[0].events[1].body;
    assert_eq!(body.as_str(), Some("99999999999999999999"));
}

#[test]
fn ids_of_wrong_length_are_rejected_and_zero_ids_are_none_in_protobuf() {
    let record = |trace_id: Vec<u8>| SentRecord {
        time_unix_nano: NOW_NS,
        severity_number: SeverityNumber::Info.into(),
        trace_id,
        ..SentRecord::default()
    };
    let request = ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            scope_logs: vec![ScopeLogs {
                log_records: vec![record(vec![1; 3]), record(vec![0; 16])],
                ..ScopeLogs::default()
            }],
            ..ResourceLogs::default()
        }],
    };
    let validated = validated(decode_logs_protobuf(&request.encode_to_vec()).expect("reads"));
    assert_eq!(validated.rejected.len(), 1);
    assert!(validated.rejected[0].reason.contains("trace_id"));
    assert_eq!(validated.groups[0].events[0].trace_id, None);
}

#[test]
fn a_body_nested_too_deep_gets_a_marker_and_invalid_utf8_is_replaced() {
    let nested = format!(
        "{}{{\"intValue\":1}}{}",
        "{\"arrayValue\":{\"values\":[".repeat(200),
        "]}}".repeat(200)
    );
    for (body, repair) in [
        (nested, Repair::NestedTooDeep),
        (
            "{\"stringValue\": \"\\ud800\"}".to_owned(),
            Repair::InvalidUtf8,
        ),
    ] {
        let body = format!(
            "{{\"resourceLogs\":[{{\"scopeLogs\":[{{\"logRecords\":[\
             {{\"timeUnixNano\":\"{NOW_NS}\",\"body\":{body}}}]}}]}}]}}"
        );
        let record = the_record(validated(decode_logs_json(body.as_bytes()).expect("reads")));
        assert!(
            RepairSet::of(&record.attributes).contains(repair),
            "{repair}"
        );
    }
}

#[test]
fn a_request_of_too_many_records_is_rejected_before_allocation() {
    let records = vec!["{}"; 100_001].join(",");
    let body = format!("{{\"resourceLogs\":[{{\"scopeLogs\":[{{\"logRecords\":[{records}]}}]}}]}}");
    let error = decode_logs_json(body.as_bytes()).expect_err("refused");
    assert!(error.to_string().contains("more than 100000"), "{error}");
}
