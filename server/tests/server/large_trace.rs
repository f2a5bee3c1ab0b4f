//! The largest promised trace: 100,000 spans and ten values of 900 KB. It arrives by OTLP in one
//! request or in many, and is returned complete.

use std::collections::HashSet;

use opentelemetry_proto::tonic::trace::v1::Span;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use throughline_model::TraceSkeleton;
use throughline_store::testing::FreshDatabase;

use crate::payloads::large;
use crate::program::Program;
use crate::support::{Receiver, hex, span, text};

const SPANS: usize = 100_000;
const VALUES: usize = 10;

/// Returns chains of calls, each a hundred deep, under one root. Every ten thousandth span carries
/// a large value.
fn trace() -> Vec<Span> {
    let root = span("import");
    let mut spans: Vec<Span> = Vec::with_capacity(SPANS);
    for at in 0..SPANS {
        let mut span = span("import");
        span.trace_id.clone_from(&root.trace_id);
        if at > 0 {
            let parent = if at % 100 == 1 { 0 } else { at - 1 };
            span.parent_span_id.clone_from(&spans[parent].span_id);
        }
        if at % (SPANS / VALUES) == 0 {
            span.attributes.push(text("body", &large(at as u64)));
        }
        spans.push(span);
    }
    spans
}

async fn send(client: &Client, base: &str, spans: &[Span]) {
    let response = client
        .post(format!("{base}{}", Receiver::OtlpProtobuf.path()))
        .header("content-type", Receiver::OtlpProtobuf.content_type())
        .body(Receiver::OtlpProtobuf.body(spans))
        .send()
        .await
        .expect("answers");
    assert_eq!(response.status(), StatusCode::OK);
    // No span was rejected, so the response is empty.
    assert_eq!(response.bytes().await.expect("a body").len(), 0);
}

async fn get_json(client: &Client, url: String) -> Value {
    let response = client.get(url).send().await.expect("answers");
    assert_eq!(response.status(), StatusCode::OK);
    response.json().await.expect("JSON")
}

async fn comes_out_whole(in_pieces_of: usize) {
    let database = FreshDatabase::create().await;
    let program = Program::serve_on(database.url(), &[]).await;
    let client = Client::new();
    let spans = trace();
    for piece in spans.chunks(in_pieces_of) {
        send(&client, &program.base, piece).await;
    }
    let id = hex(&spans[0].trace_id);

    let skeleton = client
        .post(format!("{}/api/panel/trace_skeleton", program.base))
        .json(&json!({"trace_id": id}))
        .send()
        .await
        .expect("answers");
    assert_eq!(skeleton.status(), StatusCode::OK);
    let mut skeleton: Value = skeleton.json().await.expect("JSON");
    let skeleton: TraceSkeleton =
        serde_json::from_value(skeleton["value"].take()).expect("a skeleton");
    let mut links: Vec<_> = skeleton
        .spans
        .iter()
        .map(|span| {
            let parent = span.parent_span_id.map(|parent| parent.to_bytes().to_vec());
            (span.span_id.to_bytes().to_vec(), parent.unwrap_or_default())
        })
        .collect();
    let mut sent: Vec<_> = spans
        .iter()
        .map(|span| (span.span_id.clone(), span.parent_span_id.clone()))
        .collect();
    links.sort();
    sent.sort();
    assert!(links == sent, "{} spans in the skeleton", links.len());

    let mut found = HashSet::new();
    let mut page = format!("{}/api/admin/traces/{id}", program.base);
    loop {
        let trace = get_json(&client, page).await;
        assert_eq!(trace["summary"]["span_count"], SPANS);
        for span in trace["spans"].as_array().expect("spans") {
            let span_id = span["span_id"].as_str().expect("an id").to_owned();
            assert!(found.insert(span_id), "a span comes twice");
        }
        let Some(after) = trace["after"].as_str() else {
            break;
        };
        page = format!("{}/api/admin/traces/{id}?after={after}", program.base);
    }
    let sent: HashSet<String> = spans.iter().map(|span| hex(&span.span_id)).collect();
    assert!(found == sent, "{} of {}", found.len(), sent.len());

    for at in (0..SPANS).step_by(SPANS / VALUES) {
        let list = format!(
            "{}/api/admin/traces/{id}/spans/{}/payloads",
            program.base,
            hex(&spans[at].span_id)
        );
        let payloads = get_json(&client, list.clone()).await;
        let hash = payloads[0]["hash"].as_str().expect("a hash");
        let value = client.get(format!("{list}/{hash}")).send().await;
        let value = value.expect("answers").text().await.expect("a body");
        assert!(value == large(at as u64), "the value of span {at}");
    }
    program.stop().await;
}

#[tokio::test]
async fn a_trace_of_100000_spans_sent_in_one_request_is_read_back_whole() {
    comes_out_whole(SPANS).await;
}

#[tokio::test]
async fn a_trace_of_100000_spans_sent_in_many_requests_is_read_back_whole() {
    comes_out_whole(1_000).await;
}
