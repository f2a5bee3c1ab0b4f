//! Responses about events: few rows that unpack into very many bytes.

use opentelemetry_proto::tonic::trace::v1::span::Event;
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use throughline_store::testing::{FreshDatabase, execute};

use super::conservation::check_memory;
use crate::logs::{record, request};
use crate::program::Program;
use crate::support::{Receiver, client, hex, span, text};

/// The number of concurrent requests: the number of read connections of a server.
const AT_ONCE: usize = 8;

async fn send(server: &Program, path: &str, body: Vec<u8>) {
    let request = client()
        .post(format!("{}{path}", server.base))
        .header("content-type", Receiver::OtlpProtobuf.content_type());
    let answer = request.body(body).send().await.expect("answers");
    assert_eq!(answer.status(), StatusCode::OK);
}

/// Repeats the request until it succeeds: a busy machine may respond with a request to retry.
async fn answer(request: RequestBuilder) -> Response {
    for _ in 0..20 {
        let again = request.try_clone().expect("has no stream");
        let answer = again.send().await.expect("answers");
        if answer.status() == StatusCode::OK {
            return answer;
        }
    }
    panic!("no answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_large_events_are_paged_within_the_memory_limit() {
    let database = FreshDatabase::create().await;
    let server = Program::serve_on(database.url(), &[]).await;
    let mut large = record("large");
    // 4 MB of values, each too small to be offloaded.
    let value = "v".repeat(8_000);
    large.attributes = (0..500).map(|at| text(&format!("k{at}"), &value)).collect();
    let trace_id = hex(&large.trace_id);
    let body = prost::Message::encode_to_vec(&request(&[large]));
    send(&server, "/v1/logs", body).await;
    execute(
        database.url(),
        "INSERT INTO events (
             tenant_id, trace_id, at_ns, received_ns, digest, resource_id, scope_id, severity,
             event_type, message, attributes
         )
         SELECT
             tenant_id, trace_id, at_ns - n, received_ns, digest + n, resource_id, scope_id,
             severity, event_type, message, attributes
         FROM events, generate_series(1, 99) AS n",
    )
    .await;
    let list = format!(
        "{}/api/admin/events?trace={trace_id}&limit=100",
        server.base
    );
    let mut read = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        read.spawn(answer(client().get(&list)));
    }
    while let Some(page) = read.join_next().await {
        let page: Value = page.expect("runs").json().await.expect("JSON");
        let items = page["items"].as_array().map_or(0, Vec::len);
        assert!((1..=4).contains(&items), "{items}");
        assert!(page["after"].is_string());
    }
    let peak = check_memory(server.pid());
    println!("{AT_ONCE} lists of events of 4 MB: peak {peak} KiB");
    assert!(server.stop().await.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn event_marks_of_many_small_events_stay_within_the_memory_limit() {
    let database = FreshDatabase::create().await;
    let server = Program::serve_on(database.url(), &[]).await;
    let mut eventful = span("eventful");
    // The most events of a few bytes that a waterfall reads of one span.
    eventful.events = (0..740)
        .map(|at| Event {
            time_unix_nano: eventful.start_time_unix_nano + at,
            ..Event::default()
        })
        .collect();
    let trace_id = hex(&eventful.trace_id);
    // The most such spans whose events a waterfall shows.
    for batch in 0..10_u16 {
        let spans: Vec<_> = (0..200_u16)
            .map(|at| {
                let mut span = eventful.clone();
                span.span_id = u64::from(1 + batch * 200 + at).to_be_bytes().to_vec();
                span
            })
            .collect();
        send(&server, "/v1/traces", Receiver::OtlpProtobuf.body(&spans)).await;
    }
    let mut read = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let request = client()
            .post(format!("{}/api/panel/trace_skeleton", server.base))
            .json(&json!({"trace_id": trace_id}));
        read.spawn(answer(request));
    }
    while let Some(answer) = read.join_next().await {
        let answer = answer.expect("runs");
        assert!(!answer.bytes().await.expect("a body").is_empty());
    }
    let peak = check_memory(server.pid());
    println!("{AT_ONCE} waterfalls of 1.5 million events: peak {peak} KiB");
    assert!(server.stop().await.success());
}
