//! Tests of OTLP over gRPC, with the official client and with arbitrary bytes.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::Bytes;
use hyper::body::{Body, Frame};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use prost::Message as _;
use reqwest::{Client, StatusCode};
use tonic::Code;
use tonic::codec::CompressionEncoding;
use tonic::transport::Channel;

use crate::logs;
use crate::support::{BODY_LIMIT, Coding, Receiver, Server, client, request, span};

const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// `google.rpc.Status`.
#[derive(prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<RpcDetail>,
}

/// `google.protobuf.Any` of a `google.rpc.RetryInfo`.
#[derive(prost::Message)]
struct RpcDetail {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(message, tag = "2")]
    retry_info: Option<RetryInfo>,
}

#[derive(prost::Message)]
struct RetryInfo {
    #[prost(message, tag = "1")]
    delay: Option<Delay>,
}

#[derive(prost::Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
}

/// Returns the retry delay of a status in seconds, if it has a `RetryInfo`.
fn retry_seconds(details: &[u8]) -> Option<i64> {
    let status = RpcStatus::decode(details).expect("a google.rpc.Status");
    let detail = status.details.into_iter().next()?;
    assert_eq!(detail.type_url, "type.googleapis.com/google.rpc.RetryInfo");
    Some(detail.retry_info?.delay?.seconds)
}

async fn traces(server: &Server) -> TraceServiceClient<Channel> {
    TraceServiceClient::connect(server.grpc.clone())
        .await
        .expect("connects")
}

#[tokio::test]
async fn spans_of_the_official_client_are_stored_with_any_compression() {
    let server = Server::start().await;
    for compression in [
        None,
        Some(CompressionEncoding::Gzip),
        Some(CompressionEncoding::Zstd),
    ] {
        let mut client = traces(&server).await;
        if let Some(compression) = compression {
            client = client.send_compressed(compression);
        }
        let mut nameless = span("rejected");
        nameless.trace_id = vec![0; 16];
        let sent = span("GET /products/{id}");
        let answer = client
            .export(request(&[nameless, sent.clone()]))
            .await
            .expect("OK")
            .into_inner();
        let partial = answer.partial_success.expect("one was rejected");
        assert_eq!(partial.rejected_spans, 1, "{compression:?}");
        assert!(
            partial.error_message.starts_with("span 0: trace_id"),
            "{}",
            partial.error_message
        );
        let trace = server.trace(&sent).await;
        assert_eq!(trace["summary"]["root_service"], "shop");

        let answer = client.export(request(&[sent])).await.expect("OK");
        assert_eq!(answer.into_inner().partial_success, None, "{compression:?}");
    }
}

#[tokio::test]
async fn log_records_of_the_official_client_are_acknowledged() {
    let server = Server::start().await;
    let mut client = LogsServiceClient::connect(server.grpc.clone())
        .await
        .expect("connects")
        .send_compressed(CompressionEncoding::Zstd);
    let answer = client.export(logs::request(&[logs::record("paid")])).await;
    assert_eq!(answer.expect("OK").into_inner().partial_success, None);

    let mut bad = logs::record("rejected");
    bad.span_id = vec![1; 3];
    let answer = client.export(logs::request(&[bad])).await.expect("OK");
    let partial = answer.into_inner().partial_success.expect("rejected");
    assert_eq!(partial.rejected_log_records, 1);
    assert!(partial.error_message.starts_with("log record 0: span_id"));

    let empty = client.export(ExportLogsServiceRequest::default()).await;
    assert_eq!(empty.expect("OK").into_inner().partial_success, None);
}

/// Returns a message in its frame.
fn framed(flag: u8, message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("small");
    [&[flag], &length.to_be_bytes()[..], message].concat()
}

/// Sends bytes as a call that fails. Returns the code, the message and the header that names the
/// accepted encodings.
async fn failed(
    server: &Server,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<reqwest::Body>,
) -> (Code, String, String) {
    let http2 = Client::builder().http2_prior_knowledge().build();
    let mut request = http2
        .expect("a client")
        .post(format!("{}{path}", server.grpc))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.expect("answers");
    assert_eq!(response.status(), StatusCode::OK);
    let text = |name: &str| {
        let value = response.headers().get(name);
        value
            .map_or("", |value| value.to_str().expect("text"))
            .to_owned()
    };
    assert_eq!(text("content-type"), "application/grpc");
    let code: i32 = text("grpc-status").parse().expect("a fault");
    let details = STANDARD_NO_PAD
        .decode(text("grpc-status-details-bin"))
        .expect("base64");
    let status = RpcStatus::decode(details.as_slice()).expect("a google.rpc.Status");
    assert_eq!(status.code, code);
    assert!(!text("grpc-message").is_empty());
    (code.into(), status.message, text("grpc-accept-encoding"))
}

#[tokio::test]
async fn an_invalid_message_is_invalid_argument_and_not_retryable() {
    client();
    let server = Server::start().await;
    let whole = Receiver::OtlpProtobuf.body(&[span("cut off")]);
    for coding in Coding::ALL {
        let encoding = [("grpc-encoding", coding.name())];
        let flag = u8::from(coding != Coding::Plain);
        let cut = coding.encode(&whole[..whole.len() - 7]);
        let bomb = coding.encode(&vec![0; BODY_LIMIT + 1]);
        let mut rows = vec![
            ("a cut message", framed(flag, &cut), "byte"),
            ("a bomb", framed(flag, &bomb), "larger than"),
        ];
        if coding == Coding::Plain {
            rows.extend([
                ("nothing", vec![], "no complete message"),
                (
                    "two messages",
                    framed(0, &[]).repeat(2),
                    "more than one message",
                ),
                ("a flag", framed(7, &[]), "flag 7"),
                (
                    "a flag without an encoding",
                    framed(1, &[]),
                    "grpc-encoding",
                ),
                (
                    "half a frame",
                    framed(0, &whole)[..50].to_vec(),
                    "ends after 45 of",
                ),
            ]);
        } else {
            let twice = framed(1, &coding.encode(&coding.encode(&whole)));
            let half = framed(1, &coding.encode(&whole)[..20]);
            rows.extend([
                ("compressed twice", twice, "after decompression"),
                ("half of it", half, "damaged"),
                ("not compressed", framed(1, b"plain"), "damaged"),
            ]);
        }
        for (what, body, words) in rows {
            let (code, message, _) = failed(&server, TRACES, &encoding, body).await;
            assert_eq!(code, Code::InvalidArgument, "{coding:?}: {what}: {message}");
            assert!(message.contains(words), "{coding:?}: {what}: {message}");
        }
    }
}

#[tokio::test]
async fn an_unknown_method_is_unimplemented_and_names_the_known_ones() {
    client();
    let server = Server::start().await;
    for path in [
        "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export",
        "/",
    ] {
        let (code, message, _) = failed(&server, path, &[], framed(0, &[])).await;
        assert_eq!(code, Code::Unimplemented);
        assert!(message.contains(TRACES), "{message}");
    }
    let encoding = [("grpc-encoding", "snappy")];
    let (code, _, accepted) = failed(&server, TRACES, &encoding, framed(1, &[])).await;
    assert_eq!(code, Code::Unimplemented);
    assert_eq!(accepted, "identity,gzip,zstd,deflate");

    // A client on the wrong port gets a helpful response.
    let response = client()
        .post(format!("{}/v1/traces", server.grpc))
        .header("content-type", "application/json")
        .body("{}")
        .send()
        .await
        .expect("answers");
    assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(response.text().await.expect("text").contains("4318"));
}

#[tokio::test]
async fn calls_are_unavailable_with_a_retry_delay_while_the_database_is_down() {
    let server = Server::start_on("postgres://nobody@127.0.0.1:1/none", None).await;
    let status = traces(&server)
        .await
        .export(request(&[span("lost")]))
        .await
        .expect_err("the database is away");
    assert_eq!(status.code(), Code::Unavailable);
    assert!(retry_seconds(status.details()).is_some_and(|seconds| seconds >= 1));
}

#[tokio::test]
async fn an_overloaded_server_responds_resource_exhausted_with_a_retry_delay() {
    let server = Server::overloaded().await;
    let status = traces(&server)
        .await
        .export(request(&[span("too many")]))
        .await
        .expect_err("the queue is full");
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(retry_seconds(status.details()).is_some());

    // The server refuses before it decodes the message, because decoding costs more than a refusal.
    let unreadable = framed(0, &[0xff]);
    let (code, _, _) = failed(&server, TRACES, &[], unreadable).await;
    assert_eq!(code, Code::ResourceExhausted);
}

/// A body that begins and never ends.
struct Stalled(Option<Bytes>);

impl Body for Stalled {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.0.take() {
            Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
            None => Poll::Pending,
        }
    }
}

#[tokio::test]
async fn a_stalled_message_times_out() {
    client();
    let server = Server::start().await;
    let begun = Bytes::from_static(&[0, 0, 0, 1, 0, 10]);
    let body = reqwest::Body::wrap(Stalled(Some(begun)));
    let (code, _, _) = failed(&server, TRACES, &[], body).await;
    assert_eq!(code, Code::DeadlineExceeded);
}
