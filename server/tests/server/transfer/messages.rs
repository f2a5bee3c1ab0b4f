//! Tests of files of messages, as the Collector's file exporter writes them.

use std::fs;
use std::path::PathBuf;

use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use prost::Message as _;
use tempfile::TempDir;
use throughline_testkit::NOW;

use super::folder;
use super::side::Side;
use crate::support::{request, span};

fn spans(ids: std::ops::Range<u8>) -> ExportTraceServiceRequest {
    let spans: Vec<_> = ids
        .map(|id| {
            let mut span = span("work");
            span.trace_id = vec![7; 16];
            span.span_id = vec![id; 8];
            span.start_time_unix_nano = NOW.get() as u64;
            span.end_time_unix_nano = NOW.get() as u64 + 1;
            span
        })
        .collect();
    request(&spans)
}

fn logs() -> ExportLogsServiceRequest {
    let record = LogRecord {
        time_unix_nano: NOW.get() as u64,
        event_name: "order.placed".to_owned(),
        trace_id: vec![7; 16],
        ..LogRecord::default()
    };
    ExportLogsServiceRequest {
        resource_logs: vec![ResourceLogs {
            scope_logs: vec![ScopeLogs {
                log_records: vec![record],
                ..ScopeLogs::default()
            }],
            ..ResourceLogs::default()
        }],
    }
}

/// Returns messages of spans and of log records, 20 spans and 1 log record together.
fn sent(is_json: bool) -> Vec<Vec<u8>> {
    let traces = [spans(1..11), spans(11..21)];
    let mut messages: Vec<_> = traces
        .iter()
        .map(|request| {
            if is_json {
                serde_json::to_vec(request).expect("JSON")
            } else {
                request.encode_to_vec()
            }
        })
        .collect();
    messages.push(if is_json {
        serde_json::to_vec(&logs()).expect("JSON")
    } else {
        logs().encode_to_vec()
    });
    messages
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).expect("compresses")
}

fn fixed(messages: &[Vec<u8>]) -> Vec<u8> {
    let framed = messages.iter().flat_map(|message| {
        let length = u32::try_from(message.len()).expect("small").to_be_bytes();
        [&length[..], message].concat()
    });
    framed.collect()
}

fn write(folder: &TempDir, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join("traces.bin");
    fs::write(&path, bytes).expect("writes");
    path
}

#[tokio::test]
async fn every_form_of_the_collectors_file_exporter_is_imported() {
    let (side, folder) = (Side::new().await, folder());
    let mut is_first = true;
    for is_json in [false, true] {
        let plain = sent(is_json);
        let compressed: Vec<_> = plain.iter().map(|message| zstd(message)).collect();
        let delimited: Vec<u8> = plain
            .iter()
            .flat_map(|message| {
                let mut length = Vec::new();
                prost::encoding::encode_varint(message.len() as u64, &mut length);
                [&length[..], message].concat()
            })
            .collect();
        let mut forms = vec![
            ("fixed", fixed(&plain)),
            ("each compressed", fixed(&compressed)),
            ("all compressed", zstd(&fixed(&plain))),
        ];
        if is_json {
            forms.push(("lines", plain.join(&b'\n')));
            forms.push(("lines, compressed", zstd(&plain.join(&b'\n'))));
        } else {
            forms.push(("varint", delimited));
        }
        for (what, bytes) in forms {
            let report = side.import(&write(&folder, &bytes)).await;
            assert!(report.is_whole(), "{is_json} {what}: {report}");
            let stored = if is_first {
                (20, 0, 1, 0)
            } else {
                (0, 20, 0, 1)
            };
            is_first = false;
            let counted = (
                report.received,
                report.duplicate,
                report.events,
                report.duplicate_events,
            );
            assert_eq!(counted, stored, "{is_json} {what}: {report}");
            assert_eq!(report.traces(), 1, "{what}");
        }
    }
    // One message without a length.
    let report = side.import(&write(&folder, &sent(false)[0])).await;
    assert_eq!((report.duplicate, report.rejected), (10, 0), "{report}");
}

#[tokio::test]
async fn a_bad_message_costs_that_message_and_is_named() {
    let (side, folder) = (Side::new().await, folder());
    let [first, second, logs] = sent(false).try_into().expect("three");
    let file = fixed(&[first.clone(), second, logs]);
    let cut = side.import(&write(&folder, &file[..file.len() - 3])).await;
    assert_eq!(
        (cut.received, cut.events, cut.rejected),
        (20, 0, 1),
        "{cut}"
    );
    assert!(cut.reasons[0].contains("message 3: ends after"), "{cut}");

    let mut damaged = zstd(&first);
    damaged.truncate(damaged.len() / 2);
    let mut bad_span = spans(1..3);
    bad_span.resource_spans[0].scope_spans[0].spans[1].trace_id = vec![0; 16];
    let metrics = b"\x0a\x0b\x12\x09\x12\x07\x0a\x05queue".to_vec();
    let file = fixed(&[damaged, bad_span.encode_to_vec(), metrics, first]);
    let report = side.import(&write(&folder, &file)).await;
    assert_eq!((report.duplicate, report.rejected), (11, 3), "{report}");
    for (at, reason) in [
        "message 1: is damaged",
        "message 2: span 1: trace_id",
        "message 3: contains metrics",
    ]
    .into_iter()
    .enumerate()
    {
        assert!(report.reasons[at].contains(reason), "{report}");
    }

    // A length that is not true.
    let mut lying = fixed(&sent(false));
    lying[2] = 0xff;
    let report = side.import(&write(&folder, &lying)).await;
    assert_eq!((report.received, report.rejected), (0, 1), "{report}");
    assert!(
        report.reasons[0].contains("message 1: ends after"),
        "{report}"
    );
}

#[tokio::test]
async fn a_file_that_is_not_imported_is_named_for_what_it_is() {
    let (side, folder) = (Side::new().await, folder());
    for (bytes, named) in [
        (&b"PK\x03\x04archive"[..], "ZIP"),
        (b"<!doctype html><title>Sign in</title>", "HTML"),
        (b"trace,span\n1,2\n", "CSV"),
        (b"\0\x01\x02\x03\x04\x05\x06", "binary file"),
    ] {
        let report = side.import(&write(&folder, bytes)).await;
        assert_eq!(report.unread(), 1, "{report}");
        assert!(report.to_string().contains(named), "{report}");
    }
    let report = side.import(&write(&folder, b"")).await;
    assert!(report.is_whole(), "{report}");
    assert!(report.to_string().contains("is empty"), "{report}");
}
