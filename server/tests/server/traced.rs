//! A real process with the real tracer: the state of its trace while it runs, after its final
//! report and after it was killed.

use std::env;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use throughline::Tracer;
use throughline_model::{CompletenessState, OpenFate, TraceFilter};
use throughline_server::clock::Clock;
use throughline_store::{Store, StoreOptions};
use throughline_wire::{TenantId, UnixNanos};
use tokio::process::{Child, Command};
use tracing_subscriber::prelude::*;

use crate::support::Server;

/// The endpoint of the test process below. Without the variable it does nothing.
const ENDPOINT: &str = "THROUGHLINE_TEST_TRACED_ENDPOINT";

/// This is not a test but the process that the tests below run. It has one span within another, and
/// ends when it reads a line or is killed.
#[tokio::test]
async fn the_process() {
    let Ok(endpoint) = env::var(ENDPOINT) else {
        return;
    };
    let tracer = Tracer::builder("shop-worker")
        .endpoint(endpoint)
        .interval(Duration::from_millis(50))
        .announce_after(Duration::from_millis(100))
        .build()
        .expect("a tracer");
    let layer = tracing_subscriber::registry().with(tracer.layer());
    tracing::subscriber::set_global_default(layer).expect("the first");
    let outer = tracing::info_span!("process confirmation");
    outer.in_scope(|| drop(tracing::info_span!("send mail")));
    let mut line = String::new();
    // This thread runs nothing else, so a blocking read is fine.
    std::io::stdin().read_line(&mut line).expect("a line");
    drop(outer);
    tracer.shutdown(Duration::from_secs(30)).await;
}

fn start(server: &Server) -> Child {
    let this = env::current_exe().expect("this program");
    Command::new(this)
        .args(["--exact", "traced::the_process"])
        .env(ENDPOINT, server.url(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("runs")
}

/// Returns the only trace as soon as `is_it` returns true for it.
async fn trace_once(server: &Server, is_it: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    for _ in 0..600 {
        let listed = server.get_json("/api/admin/traces").await;
        if let Some(id) = listed["items"][0]["trace_id"].as_str() {
            last = server.get_json(&format!("/api/admin/traces/{id}")).await;
            if is_it(&last) {
                return last;
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it never came to be: {last}");
}

fn runs(trace: &Value) -> bool {
    trace["completeness"]["running"] == serde_json::json!([["shop-worker", 1]])
        && trace["completeness"]["spans"] == 1
}

#[tokio::test]
async fn a_process_that_ends_leaves_a_complete_trace() {
    let server = Server::start().await;
    let mut process = start(&server);
    let running = trace_once(&server, runs).await;
    assert_eq!(running["completeness"]["state"], "running");
    assert_eq!(running["open"][0]["name"], "process confirmation");
    assert_eq!(running["open"][0]["fate"], "running");
    drop(process.stdin.take());
    let complete = trace_once(&server, |trace| trace["completeness"]["spans"] == 2).await;
    assert_eq!(complete["completeness"]["state"], "complete");
    assert!(complete.get("open").is_none(), "{complete}");
    assert!(process.wait().await.expect("ends").success());
}

#[tokio::test]
async fn a_killed_process_leaves_an_abandoned_span() {
    let server = Server::start().await;
    let mut process = start(&server);
    trace_once(&server, runs).await;
    process.kill().await.expect("is killed");

    // A minute later, on a server that got no report of the process.
    let later = Clock::system()
        .now()
        .saturating_add(60 * UnixNanos::PER_SECOND);
    let options = StoreOptions::new(move || later);
    let store = Store::connect_lazy(server.database_url(), options).expect("a URL");
    let reader = store.reader(TenantId::DEFAULT);
    let page = throughline_model::PageRequest {
        limit: 1,
        from: None,
    };
    let listed = reader.list_traces(&TraceFilter::default(), page).await;
    let trace_id = listed.expect("lists").items[0].trace_id;
    let skeleton = reader.trace_skeleton(trace_id).await.expect("reads");
    let skeleton = skeleton.expect("is there");
    assert_eq!(skeleton.spans.len(), 2);
    assert_eq!(skeleton.open[0].fate, OpenFate::ProcessDied);
    assert_eq!(skeleton.completeness.state, CompletenessState::Missing);
    assert_eq!(
        skeleton.completeness.to_string(),
        "1 span did not end before shop-worker did"
    );
    store.close().await;
}
