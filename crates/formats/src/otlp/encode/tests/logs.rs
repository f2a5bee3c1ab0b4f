//! The same tests for log records.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use throughline_wire::{LogRecord, Resource, UnixNanos};

use super::{
    NOW_NS, attributes, patient, resource, scope, shown, span_id, text, trace_id, value,
    without_odd_numbers,
};
use crate::otlp::{LogsOf, decode_logs_json, encode_logs_json};

prop_compose! {
    fn record()(
        (trace_id, span_id, parent_span_id) in
            (option::of(trace_id()), option::of(span_id()), option::of(span_id())),
        (time, observed) in (1..NOW_NS, 0..NOW_NS),
        (severity_number, flags, dropped_attributes_count) in
            (0..=LogRecord::MAX_SEVERITY, any::<u32>(), any::<u32>()),
        (severity_text, event_name) in (text(), text()),
        (body, attributes) in (value(), attributes()),
    ) -> LogRecord {
        LogRecord {
            time: UnixNanos::new(time),
            observed: UnixNanos::new(observed),
            trace_id,
            span_id,
            parent_span_id,
            flags,
            severity_number,
            severity_text: severity_text.into(),
            event_name: event_name.into(),
            body,
            attributes,
            dropped_attributes_count,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn encoded_items_are_read_back_unchanged(
        resource in resource(),
        groups in vec((scope(), vec(record(), 1..4)), 1..3),
    ) {
        let written: Vec<LogsOf<'_>> = groups
            .iter()
            .map(|(scope, records)| LogsOf {
                resource: &resource,
                scope,
                items: records.iter().collect(),
            })
            .collect();
        let json = encode_logs_json(&written);
        prop_assert!(!json.contains(&b'\n'), "one line");
        let read = decode_logs_json(&json).expect("a request");
        let read = read.validate(&patient(), UnixNanos::new(NOW_NS));
        prop_assert_eq!(read.rejected.len(), 0);
        prop_assert_eq!(read.groups.len(), groups.len());
        for (read, (scope, records)) in read.groups.iter().zip(&groups) {
            prop_assert_eq!(
                shown(&read.resource, &read.scope, &read.events),
                shown(&resource, scope, records)
            );
        }
    }

    #[test]
    fn the_official_decoder_reads_the_encoded_items(scope in scope(), records in vec(record(), 1..3)) {
        let resource = Resource::of_service("shop");
        let logs = LogsOf { resource: &resource, scope: &scope, items: records.iter().collect() };
        let json = without_odd_numbers(encode_logs_json(&[logs]));
        let read: ExportLogsServiceRequest = serde_json::from_str(&json).expect("a request");
        let read = &read.resource_logs[0].scope_logs[0].log_records;
        for (read, record) in read.iter().zip(&records) {
            let trace_id = record.trace_id.map_or_else(Vec::new, |id| id.to_bytes().to_vec());
            prop_assert_eq!(&read.trace_id, &trace_id);
            prop_assert_eq!(&read.event_name, &record.event_name);
            prop_assert_eq!(read.time_unix_nano as i64, record.time.get());
            prop_assert_eq!(read.severity_number, i32::from(record.severity_number));
            prop_assert_eq!(read.attributes.len(), record.attributes.len());
        }
    }
}
