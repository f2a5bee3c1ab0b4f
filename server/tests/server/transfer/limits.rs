//! Tests that an import keeps the limits of the storage and of spans as a server does, and compacts
//! if no server does.

use std::process::{Output, Stdio};
use std::time::Duration;

use throughline_store::testing::{count, count_spans};
use throughline_testkit::Ids;
use throughline_wire::{Limits, SpanId, TraceId};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStdin};

use super::side::Side;
use super::{TRACE, file, folder, large_line, otlp_line, otlp_span};
use crate::program;

/// Starts an import of its standard input.
fn start(arguments: &[&str]) -> (Child, ChildStdin) {
    let mut child = program::command(&[&["import", "-"], arguments].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("runs");
    let input = child.stdin.take().expect("piped");
    (child, input)
}

/// Returns whether the import succeeded, and what it printed.
fn ended(output: &Output) -> (bool, String) {
    let printed = [&output.stdout[..], &output.stderr[..]].concat();
    let printed = String::from_utf8_lossy(&printed).into_owned();
    (output.status.success(), printed)
}

#[tokio::test]
async fn an_import_stops_at_the_storage_budget_and_says_why() {
    let side = Side::new().await;
    let url = side.url();
    let size = async || {
        let size = count(url, "SELECT pg_database_size(current_database())").await;
        size.unsigned_abs()
    };
    let budget = size().await * 100 / 88;
    let budget_text = budget.to_string();
    let arguments = ["--database-url", url, "--storage-budget", &budget_text];
    let (child, mut input) = start(&arguments);
    let feeding = tokio::spawn(async move {
        let mut ids = Ids::seeded(7);
        // Until the import does not read any more.
        while input
            .write_all(large_line(&mut ids).as_bytes())
            .await
            .is_ok()
        {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let output = child.wait_with_output().await.expect("ends");
    feeding.await.expect("ends");
    let (is_whole, printed) = ended(&output);
    assert!(!is_whole, "{printed}");
    assert!(printed.contains("the import stopped"), "{printed}");
    assert!(printed.contains("--storage-budget"), "{printed}");
    let stored = count_spans(url).await;
    assert!(stored > 0);

    // A second import stores nothing.
    let (child, input) = start(&arguments);
    drop(input);
    let (is_whole, printed) = ended(&child.wait_with_output().await.expect("ends"));
    assert!(!is_whole, "{printed}");
    assert!(printed.contains("nothing was imported"), "{printed}");
    assert_eq!(count_spans(url).await, stored);
}

#[tokio::test]
async fn an_import_has_the_span_limits_of_a_server_by_option_and_by_environment() {
    let folder = folder();
    let mut ids = Ids::seeded(3);
    let spans: Vec<_> = (0..11)
        .map(|_| {
            let mut span = otlp_span(TRACE, &ids.span_id().to_string());
            span["attributes"] =
                serde_json::json!([{"key": "value", "value": {"stringValue": "x".repeat(1_000)}}]);
            span
        })
        .collect();
    let first: SpanId = spans[0]["spanId"]
        .as_str()
        .expect("text")
        .parse()
        .expect("an id");
    let trace: TraceId = TRACE.parse().expect("an id");
    let path = file(&folder, "spans.json", &otlp_line(&spans));
    let path = path.to_str().expect("text");
    for is_by_option in [true, false] {
        let side = Side::new().await;
        let mut command = program::command(&["import", "--database-url", side.url(), path]);
        if is_by_option {
            command.args(["--trace-span-limit", "10", "--value-limit", "64"]);
        } else {
            command.env("THROUGHLINE_TRACE_SPAN_LIMIT", "10");
            command.env("THROUGHLINE_VALUE_LIMIT", "64");
        }
        let (is_whole, printed) = ended(&command.output().await.expect("runs"));
        assert!(!is_whole, "{printed}");
        assert!(printed.contains("received           10 spans"), "{printed}");
        assert!(printed.contains("trace_too_large"), "{printed}");
        assert_eq!(count_spans(side.url()).await, 10);
        let read = side.reader().span_details(trace, first).await;
        let details = read.expect("reads").spans.remove(0);
        let value = format!("{:?}", details.span.attributes);
        assert!(
            value.len() < Limits::default().value_bytes / 1_000,
            "{value}"
        );
    }
}

#[tokio::test]
async fn an_import_compacts_if_no_server_does() {
    let side = Side::new().await;
    let url = side.url();
    let mut ids = Ids::seeded(9);
    // A block each: so many are due for compaction.
    for _ in 0..300 {
        let span = throughline_testkit::span("x")
            .id(ids.span_id())
            .in_trace(ids.trace_id());
        let sent = throughline_testkit::Sent::by("shop", span.build());
        side.write(vec![sent]).await;
    }
    let level1 = async || count(url, "SELECT count(*) FROM level1_blocks").await;
    assert_eq!(level1().await, 0);
    let (child, input) = start(&["--database-url", url]);
    while level1().await == 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    drop(input);
    let (is_whole, printed) = ended(&child.wait_with_output().await.expect("ends"));
    assert!(is_whole, "{printed}");
}
