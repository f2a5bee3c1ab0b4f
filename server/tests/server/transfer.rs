//! Tests of import and export.

mod content;
mod foreign;
mod limits;
mod messages;
mod others;
mod round_trip;
mod side;
mod waiting;

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use throughline_server::clock::Clock;
use throughline_server::import::{Import, import};
use throughline_testkit::{Ids, NOW};
use throughline_wire::Limits;
use throughline_wire::UnixNanos;

use self::side::Side;
use crate::program;

/// The time of an import: later than everything in the files.
const LATER: UnixNanos = UnixNanos::new(i64::MAX / 2);

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn file(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, text).expect("writes");
    path
}

fn otlp_span(trace: &str, span: &str) -> serde_json::Value {
    json!({
        "traceId": trace, "spanId": span, "name": "x",
        "startTimeUnixNano": NOW.to_string(), "endTimeUnixNano": NOW.to_string(),
    })
}

fn otlp_line(spans: &[serde_json::Value]) -> String {
    json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).to_string()
}

/// Returns a line of spans whose values cannot be compressed.
pub(crate) fn large_line(ids: &mut Ids) -> String {
    let spans: Vec<_> = (0..100)
        .map(|_| {
            let mut span = otlp_span(&ids.trace_id().to_string(), &ids.span_id().to_string());
            let value: String = (0..50).map(|_| ids.trace_id().to_string()).collect();
            span["attributes"] = json!([{"key": "value", "value": {"stringValue": value}}]);
            span
        })
        .collect();
    otlp_line(&spans) + "\n"
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[tokio::test]
async fn a_bad_line_and_a_bad_span_are_reported_and_the_rest_is_imported() {
    let (side, folder) = (Side::new().await, folder());
    let lines = [
        otlp_line(&[otlp_span(TRACE, "0000000000000001")]),
        "{\"resourceSpans\":[{".to_owned(),
        otlp_line(&[
            otlp_span("xyz", "0000000000000002"),
            otlp_span(TRACE, "0000000000000003"),
        ]),
    ];
    let path = file(&folder, "spans.jsonl", &lines.join("\n"));
    let report = side.import(&path).await;
    assert_eq!((report.received, report.rejected), (2, 2));
    assert!(!report.is_whole());
    let name = path.display();
    assert_eq!(
        report.reasons,
        [
            format!("{name}:2: the text ends within a value"),
            format!(
                "{name}:3: traceId: has the wrong length: expected 32 hexadecimal characters \
                 (16 bytes)"
            ),
        ]
    );
    assert_eq!(
        side.trace(TRACE.parse().expect("an id")).await.spans.len(),
        2
    );
}

#[tokio::test]
async fn gzip_and_zstd_are_detected_by_their_bytes() {
    let folder = folder();
    let text = otlp_line(&[otlp_span(TRACE, "0000000000000001")]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).expect("writes");
    let zstd = zstd::stream::encode_all(text.as_bytes(), 1).expect("compresses");
    for bytes in [gzip.finish().expect("compresses"), zstd] {
        let side = Side::new().await;
        let path = folder.path().join("spans");
        fs::write(&path, &bytes).expect("writes");
        assert_eq!(side.import(&path).await.received, 1);
        fs::write(&path, &bytes[..bytes.len() - 3]).expect("writes");
        let cut = side.import(&path).await;
        assert!(!cut.is_whole(), "a damaged file is no whole file");
    }
}

#[tokio::test]
async fn a_missing_file_is_reported_and_the_others_are_imported() {
    let (side, folder) = (Side::new().await, folder());
    let good = file(
        &folder,
        "good.json",
        &otlp_line(&[otlp_span(TRACE, "0000000000000001")]),
    );
    let what = Import {
        files: vec![folder.path().join("none.json"), good],
        format: None,
        timeout: Duration::from_secs(30),
        limits: Limits::default(),
    };
    let report = import(what, &side.store.writer(), Clock::new(|| NOW)).await;
    assert_eq!((report.received, report.unread()), (1, 1));
    assert!(!report.is_whole());
}

#[tokio::test]
async fn the_import_prints_a_report_and_fails_if_it_is_incomplete() {
    let (side, folder) = (Side::new().await, folder());
    let url = side.url();
    let path = file(
        &folder,
        "spans.json",
        &otlp_line(&[otlp_span(TRACE, "0000000000000001")]),
    );
    let path = path.to_str().expect("text");
    let command = ["import", "--database-url", url, path];
    let output = program::command(&command).output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    assert!(text.contains("OTLP"), "{text}");
    assert!(text.contains("received            1 spans"), "{text}");

    let out = folder.path().join("out.jsonl.zst");
    let out = out.to_str().expect("text");
    let command = [
        "export",
        "--database-url",
        url,
        "--trace",
        TRACE,
        "--output",
        out,
    ];
    let (status, complaint) = program::run(&command).await;
    assert!(status.success(), "{complaint}");
    let (status, complaint) = program::run(&["import", "--database-url", url, out]).await;
    assert!(status.success(), "{complaint}");

    let bad = file(&folder, "bad.json", "{\"a\":1}");
    let bad = bad.to_str().expect("text");
    let (status, complaint) = program::run(&["import", "--database-url", url, bad]).await;
    assert!(!status.success());
    assert!(
        complaint.contains("the import is incomplete"),
        "{complaint}"
    );
}
