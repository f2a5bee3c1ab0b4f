//! Tests of `throughline erase` while a server runs on the database.

use reqwest::StatusCode;
use throughline_store::testing::{FreshDatabase, count_spans};

use crate::program::{Program, command};
use crate::support::{Receiver, client, fetch, hex, span};

/// Runs `throughline erase` and returns its output.
async fn erase(url: &str, arguments: &[&str]) -> String {
    let output = command(&[&["erase"], arguments].concat())
        .env("DATABASE_URL", url)
        .output()
        .await
        .expect("runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_is_erased_while_the_server_runs_and_a_dry_run_changes_nothing() {
    let database = FreshDatabase::create().await;
    let url = database.url();
    let server = Program::serve_on(url, &[]).await;
    let spans = [span("gone"), span("left")];
    let answer = client()
        .post(format!("{}{}", server.base, Receiver::Native.path()))
        .header("content-type", Receiver::Native.content_type())
        .body(Receiver::Native.body(&spans))
        .send()
        .await
        .expect("answers");
    assert_eq!(answer.status(), StatusCode::OK);
    let [gone, left] = spans.map(|span| hex(&span.trace_id));
    let status = async |trace: &str| {
        let trace = fetch(format!("{}/api/admin/traces/{trace}", server.base)).await;
        trace.expect("answers").status()
    };

    let would = erase(url, &["--trace", &gone, "--dry-run"]).await;
    assert_eq!(would, "would erase 1 traces, with spans in 1 blocks\n");
    assert_eq!(status(&gone).await, StatusCode::OK);
    let erased = erase(url, &["--trace", &gone]).await;
    assert_eq!(erased, "erased 1 traces: 1 spans in 1 blocks\n");
    assert_eq!(status(&gone).await, StatusCode::NOT_FOUND);
    assert_eq!(status(&left).await, StatusCode::OK);
    assert_eq!(count_spans(url).await, 1);
    assert!(server.stop().await.success());
}
