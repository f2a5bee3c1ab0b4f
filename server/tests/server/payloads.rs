//! Tests of offloaded payloads over HTTP: sent by OTLP, returned byte for byte.

use reqwest::StatusCode;
use serde_json::Value;

use crate::support::{Receiver, Server, hex, span, text};

/// Returns text of 900 KB that differs by `seed`.
pub(crate) fn large(seed: u64) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..900_000)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(b' ' + (state % 95) as u8)
        })
        .collect()
}

#[tokio::test]
async fn ten_payloads_of_900_kilobytes_are_served_unchanged_by_their_hash() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    let first = span("upload");
    let spans: Vec<_> = (0..10_u64)
        .map(|at| {
            let mut span = span("upload");
            span.trace_id.clone_from(&first.trace_id);
            span.attributes.push(text("body", &large(at)));
            span
        })
        .collect();
    for spans in spans.chunks(5) {
        server.send(Receiver::OtlpProtobuf, spans).await;
    }
    let trace = format!("/api/admin/traces/{}", hex(&first.trace_id));
    for (at, span) in (0..).zip(&spans) {
        let list = format!("{trace}/spans/{}/payloads", hex(&span.span_id));
        let payloads = server.get_json(&list).await;
        assert_eq!(payloads[0]["place"]["key"], "body");
        assert_eq!(payloads[0]["byte_count"], 900_000);
        let hash = payloads[0]["hash"].as_str().expect("a hash");
        let response = server.get(&format!("{list}/{hash}")).await;
        assert_eq!(response.status(), StatusCode::OK);
        let headers = response.headers();
        assert_eq!(headers["content-type"], "text/plain; charset=utf-8");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["etag"], format!("\"{hash}\""));
        let disposition = headers["content-disposition"].to_str().expect("a text");
        assert!(disposition.starts_with("attachment"), "{disposition}");
        assert!(response.text().await.expect("a body") == large(at));
    }
    let whole = server.get_json(&trace).await;
    let stored = whole["spans"].as_array().expect("spans");
    assert_eq!(stored.len(), 10);
    let size = |span: &Value| span["attributes"]["body"].as_str().map(str::len);
    assert!(stored.iter().all(|span| size(span) == Some(900_000)));
}

#[tokio::test]
async fn a_payload_with_a_matching_etag_gives_304_and_an_unknown_one_404() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    let mut span = span("upload");
    span.attributes.push(text("body", &large(1)));
    server
        .send(Receiver::OtlpJson, std::slice::from_ref(&span))
        .await;
    let list = format!(
        "/api/admin/traces/{}/spans/{}/payloads",
        hex(&span.trace_id),
        hex(&span.span_id)
    );
    let payloads = server.get_json(&list).await;
    let hash = payloads[0]["hash"].as_str().expect("a hash");
    let again = server
        .client
        .get(server.url(&format!("{list}/{hash}")))
        .header("if-none-match", format!("\"{hash}\""))
        .send()
        .await
        .expect("answers");
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    let unknown = server.get(&format!("{list}/{}", "0".repeat(32))).await;
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_request_id_is_resolved_to_its_trace() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    let mut span = span("GET /");
    span.attributes
        .push(text("throughline.request.id", "req 1/2"));
    server
        .send(Receiver::OtlpProtobuf, std::slice::from_ref(&span))
        .await;
    let found = server.get_json("/api/admin/correlations/req%201%2F2").await;
    let trace_id = &found["traces"]["items"][0]["trace_id"];
    assert_eq!(trace_id, &Value::from(hex(&span.trace_id)));
    for path in ["/api/admin/correlations/req-2", "/api/admin/sessions/none"] {
        assert_eq!(server.get(path).await.status(), StatusCode::NOT_FOUND);
    }
    let events = server.get_json("/api/admin/events").await;
    assert_eq!(events["items"], Value::Array(Vec::new()));
}
