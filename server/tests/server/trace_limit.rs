//! Tests of `--trace-span-limit`: the response of every receiver once a trace has reached its
//! limit.

use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::{Value, json};
use throughline_server::clock::Clock;
use throughline_store::testing::FreshDatabase;

use crate::program::Program;
use crate::support::{Receiver, client, hex, span};

/// Returns `count` spans of one trace.
fn trace(count: usize) -> Vec<Span> {
    let first = span("step");
    let others = (1..count).map(|_| Span {
        trace_id: first.trace_id.clone(),
        ..span("step")
    });
    std::iter::once(first.clone()).chain(others).collect()
}

#[tokio::test]
async fn a_span_over_the_trace_limit_is_reported_by_every_receiver_and_in_the_trace() {
    let database = FreshDatabase::create().await;
    let server = Program::serve_on(database.url(), &["--trace-span-limit", "3"]).await;
    let client = client();
    for receiver in [Receiver::Native, Receiver::OtlpProtobuf, Receiver::OtlpJson] {
        let mut spans = trace(5);
        let trace_id = hex(&spans[0].trace_id);
        spans.push(span("of another trace"));
        let answer = client
            .post(format!("{}{}", server.base, receiver.path()))
            .header("content-type", receiver.content_type())
            .body(receiver.body(&spans))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{receiver:?}");
        let answer = receiver.read_answer(&answer.bytes().await.unwrap());
        assert_eq!(answer["rejected"], 2, "{receiver:?}: {answer}");
        let reasons = answer["reasons"].as_str().unwrap();
        assert!(
            reasons.contains("trace_too_large: "),
            "{receiver:?}: {reasons}"
        );
        let url = format!("{}/api/admin/traces/{trace_id}", server.base);
        let stored = client.get(url).send().await.unwrap();
        let completeness = stored.json::<Value>().await.unwrap()["completeness"].clone();
        assert_eq!(completeness["state"], "missing");
        assert_eq!(
            (&completeness["spans"], &completeness["too_large"]),
            (&3.into(), &2.into())
        );
    }
    server.stop().await;
}

#[tokio::test]
async fn a_start_over_the_trace_limit_is_rejected_with_its_index() {
    let database = FreshDatabase::create().await;
    let server = Program::serve_on(database.url(), &["--trace-span-limit", "3"]).await;
    let trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let start_ns = Clock::system().now().get().to_string();
    let start = |number: u64, span_id: String| {
        json!({
            "trace_id": trace_id, "span_id": span_id, "name": "step", "start_ns": start_ns,
            "sequence": number,
        })
    };
    let mut starts: Vec<Value> = (1..=5).map(|id| start(id, format!("{id:016x}"))).collect();
    starts.insert(0, start(0, "no id".to_owned()));
    let batch = json!({
        "resource": {"attributes": {"service.name": "shop"}},
        "sequence": {"process": "9f1c3a5e7b2d4f60", "next": 6, "settled": 6},
        "spans": [],
        "starts": starts,
    });
    let url = |path: &str| format!("{}{path}", server.base);
    let answer = client().post(url("/api/trace-log")).json(&batch).send();
    let answer: Value = answer.await.unwrap().json().await.unwrap();
    let rejected = answer["rejected_starts"].as_array().unwrap();
    let indexes: Vec<_> = rejected.iter().map(|no| no["index"].clone()).collect();
    assert_eq!(indexes, [0, 4, 5], "{answer}");
    let reason = rejected[1]["reason"].as_str().unwrap();
    assert!(reason.starts_with("trace_too_large: "), "{reason}");
    let trace = client().get(url(&format!("/api/admin/traces/{trace_id}")));
    let trace: Value = trace.send().await.unwrap().json().await.unwrap();
    assert_eq!(trace["completeness"]["running"], json!([["shop", 3]]));
    server.stop().await;
}
