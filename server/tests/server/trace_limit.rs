//! `--trace-span-limit`: what every door answers once a trace has as many spans as it may.

use opentelemetry_proto::tonic::trace::v1::Span;
use throughline_store::testing::FreshDatabase;

use crate::program::Program;
use crate::support::{Door, client, hex, span};

/// So many spans of one trace.
fn trace(count: usize) -> Vec<Span> {
    let first = span("step");
    let others = (1..count).map(|_| Span {
        trace_id: first.trace_id.clone(),
        ..span("step")
    });
    std::iter::once(first.clone()).chain(others).collect()
}

#[tokio::test]
async fn a_span_too_many_is_named_at_every_door_and_the_trace_says_so() {
    let database = FreshDatabase::create().await;
    let server = Program::serve_on(database.url(), &["--trace-span-limit", "3"]).await;
    let client = client();
    for door in [Door::Native, Door::OtlpProtobuf, Door::OtlpJson] {
        let mut spans = trace(5);
        let trace_id = hex(&spans[0].trace_id);
        spans.push(span("of another trace"));
        let answer = client
            .post(format!("{}{}", server.base, door.path()))
            .header("content-type", door.content_type())
            .body(door.body(&spans))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 200, "{door:?}");
        let answer = door.read_answer(&answer.bytes().await.unwrap());
        assert_eq!(answer["rejected"], 2, "{door:?}: {answer}");
        let reasons = answer["reasons"].as_str().unwrap();
        assert!(reasons.contains("trace_too_large: "), "{door:?}: {reasons}");
        let url = format!("{}/api/admin/traces/{trace_id}", server.base);
        let stored = client.get(url).send().await.unwrap();
        let receipt = stored.json::<serde_json::Value>().await.unwrap()["completeness"].clone();
        assert_eq!(receipt["state"], "missing");
        assert_eq!(
            (&receipt["spans"], &receipt["too_large"]),
            (&3.into(), &2.into())
        );
    }
    server.stop().await;
}
