//! Tests of metrics, which SDKs export by default and which are not stored.

use std::fs::{self, File};
use std::time::Duration;

use bytes::Bytes;
use reqwest::{Client, StatusCode};
use serde_json::Value;
use throughline_store::testing::FreshDatabase;

use crate::program::{command, data_dir, free_addr};
use crate::support::{BODY_LIMIT, Coding, Server, client, fetch};

const EXPORT: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

/// `ExportMetricsServiceResponse`.
#[derive(prost::Message)]
struct ExportMetrics {
    #[prost(message, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

#[derive(prost::Message)]
struct PartialSuccess {
    #[prost(int64, tag = "1")]
    rejected_data_points: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

/// Checks that a response in protobuf is a warning, not an error.
fn warns(body: impl bytes::Buf) {
    let answer: ExportMetrics = prost::Message::decode(body).expect("a response");
    let partial = answer.partial_success.expect("a warning");
    assert_eq!(partial.rejected_data_points, 0);
    assert!(partial.error_message.contains("metrics are not stored"));
}

#[tokio::test]
async fn metrics_over_http_are_a_success_with_a_warning_in_the_form_of_the_request() {
    let server = Server::start().await;
    for base in [&server.base, &server.otlp] {
        for coding in Coding::ALL {
            for (kind, body) in [
                ("application/json", &br#"{"resourceMetrics":[]}"#[..]),
                ("application/x-protobuf", &[10, 0]),
            ] {
                let response = server
                    .client
                    .post(format!("{base}/v1/metrics"))
                    .header("content-type", kind)
                    .header("content-encoding", coding.name())
                    .body(coding.encode(body))
                    .send()
                    .await
                    .expect("answers");
                assert_eq!(response.status(), StatusCode::OK, "{kind} {coding:?}");
                assert_eq!(response.headers()["content-type"], kind);
                let body = response.bytes().await.expect("a body");
                if kind == "application/json" {
                    let answer: Value = serde_json::from_slice(&body).expect("JSON");
                    let warning = &answer["partialSuccess"]["errorMessage"];
                    let warning = warning.as_str().expect("a warning");
                    assert!(warning.contains("metrics are not stored"), "{warning}");
                } else {
                    warns(body);
                }
            }
        }
    }
}

#[tokio::test]
async fn metrics_over_grpc_are_a_success_with_a_warning() {
    client();
    let server = Server::start().await;
    for (flag, coding) in Coding::ALL.map(|coding| (u8::from(coding != Coding::Plain), coding)) {
        let message = coding.encode(&[10, 0]);
        let length = u32::try_from(message.len()).expect("small");
        let frame = [&[flag], &length.to_be_bytes()[..], &message].concat();
        let response = call(&server, coding.name(), frame).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert!(
            !response.headers().contains_key("grpc-status"),
            "{coding:?}"
        );
        let body: Bytes = response.bytes().await.expect("a body");
        warns(body.slice(5..));
    }
    // A damaged frame is refused, as at every call.
    let response = call(&server, "identity", vec![0, 0]).await;
    assert_eq!(response.headers()["grpc-status"], "3");
}

async fn call(server: &Server, encoding: &str, frame: Vec<u8>) -> reqwest::Response {
    let client = Client::builder().http2_prior_knowledge().build();
    let request = client
        .expect("a client")
        .post(format!("{}{EXPORT}", server.grpc));
    request
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("grpc-encoding", encoding)
        .body(frame)
        .send()
        .await
        .expect("answers")
}

#[tokio::test]
async fn metrics_have_the_limits_of_every_body() {
    let server = Server::start().await;
    for (kind, encoding, bytes, status) in [
        (
            "text/plain",
            "identity",
            2,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (
            "application/json",
            "br",
            2,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (
            "application/json",
            "identity",
            BODY_LIMIT + 1,
            StatusCode::PAYLOAD_TOO_LARGE,
        ),
    ] {
        let response = server
            .client
            .post(server.url("/v1/metrics"))
            .header("content-type", kind)
            .header("content-encoding", encoding)
            .body(vec![b' '; bytes])
            .send()
            .await
            .expect("answers");
        assert_eq!(response.status(), status, "{kind} {encoding}");
    }
}

#[tokio::test]
async fn metrics_are_logged_once_per_process() {
    let database = FreshDatabase::create().await;
    let folder = data_dir();
    let log = folder.path().join("log");
    let addr = free_addr();
    let mut process = command(&["serve", "--addr", &addr, "--otlp-addr", "127.0.0.1:0"])
        .env("DATABASE_URL", database.url())
        .env("RUST_LOG", "info")
        .stderr(File::create(&log).expect("a file"))
        .spawn()
        .expect("runs");
    for _ in 0..600 {
        if fetch(format!("http://{addr}/healthz")).await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for _ in 0..3 {
        let request = client().post(format!("http://{addr}/v1/metrics"));
        let request = request
            .header("content-type", "application/json")
            .body("{}");
        let response = request.send().await.expect("answers");
        assert_eq!(response.status(), StatusCode::OK);
    }
    process.kill().await.expect("stops");
    let log = fs::read_to_string(&log).expect("text");
    let lines = log.matches("Received metrics, which are not stored");
    assert_eq!(lines.count(), 1, "{log}");
}
