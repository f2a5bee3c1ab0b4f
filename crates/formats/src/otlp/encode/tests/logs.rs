//! The same tests for log records.

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use proptest::collection::vec;
use proptest::prelude::*;
use throughline_testkit::NOW;
use throughline_testkit::strategies::log_record;
use throughline_wire::Resource;

use super::{VALID, patient, resource, scope, shown, without_odd_numbers};
use crate::otlp::{LogsOf, decode_logs_json, encode_logs_json};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn encoded_items_are_read_back_unchanged(
        resource in resource(),
        groups in vec((scope(), vec(log_record(VALID), 1..4)), 1..3),
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
        let read = read.validate(&patient(), NOW);
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
    fn the_official_decoder_reads_it_too(scope in scope(), records in vec(log_record(VALID), 1..3)) {
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
