//! Requests that cannot be read as a whole, at every receiver.

use reqwest::StatusCode;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{BODY_LIMIT, Coding, Receiver, Server, span};

/// Sends with these headers. Returns the status and the error text of the response.
async fn refused(
    server: &Server,
    receiver: Receiver,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> (StatusCode, String) {
    let mut request = server.client.post(server.url(receiver.path())).body(body);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.expect("answers");
    let status = response.status();
    let kind = response.headers()["content-type"]
        .to_str()
        .expect("text")
        .to_owned();
    let bytes = response.bytes().await.expect("a body");
    let words = match kind.as_str() {
        "application/problem+json" => {
            let problem: Value = serde_json::from_slice(&bytes).expect("JSON");
            assert_eq!(problem["status"], status.as_u16());
            problem["detail"].as_str().expect("a detail").to_owned()
        }
        "application/json" => {
            let fault: Value = serde_json::from_slice(&bytes).expect("JSON");
            assert!(
                fault["code"].as_u64().is_some_and(|code| code > 0),
                "{fault}"
            );
            fault["message"].as_str().expect("a message").to_owned()
        }
        // `google.rpc.Status`: a code, then the message. The test only searches it for text.
        _ => String::from_utf8_lossy(&bytes).into_owned(),
    };
    (status, words)
}

/// Returns the headers of a valid request.
fn headers(receiver: Receiver, coding: Coding) -> [(&'static str, &'static str); 2] {
    [
        ("content-type", receiver.content_type()),
        ("content-encoding", coding.name()),
    ]
}

#[tokio::test]
async fn an_invalid_body_gets_400_with_the_location_of_the_error() {
    let server = Server::start().await;
    for receiver in Receiver::ALL {
        for coding in Coding::ALL {
            let headers = headers(receiver, coding);
            let whole = receiver.body(&[span("cut off")]);
            let cut = coding.encode(&whole[..whole.len() - 7]);
            let (status, words) = refused(&server, receiver, &headers, cut).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{receiver:?}: {words}");
            let location = if receiver == Receiver::OtlpProtobuf {
                "byte"
            } else {
                "column"
            };
            assert!(words.contains(location), "{receiver:?}: {words}");

            let trailing = coding.encode(&[&whole[..], b"}}!"].concat());
            let (status, words) = refused(&server, receiver, &headers, trailing).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{receiver:?}: {words}");
        }
    }
    for receiver in [Receiver::Native, Receiver::OtlpJson] {
        for coding in Coding::ALL {
            for body in [
                "\u{feff}{}",
                "[]",
                "5",
                "{\"spans\"",
                "{\"resourceSpans\": 5, \"spans\": 5}",
            ] {
                let body_sent = coding.encode(body.as_bytes());
                let (status, words) =
                    refused(&server, receiver, &headers(receiver, coding), body_sent).await;
                assert_eq!(
                    status,
                    StatusCode::BAD_REQUEST,
                    "{receiver:?} {body}: {words}"
                );
            }
        }
    }
    let list = server.get_json("/api/admin/traces").await;
    assert_eq!(list["items"], serde_json::json!([]), "nothing is stored");
}

#[tokio::test]
async fn unsupported_types_and_encodings_get_415_with_the_supported_ones() {
    let server = Server::start().await;
    for receiver in Receiver::ALL {
        let kind = ("content-type", receiver.content_type());
        let accept = if receiver == Receiver::Native {
            "application/json, text/plain"
        } else {
            "application/x-protobuf, application/json"
        };
        for (headers, hint, value) in [
            (&[("content-type", "application/xml")][..], "accept", accept),
            (&[], "accept", accept),
            (
                &[kind, ("content-encoding", "br")],
                "accept-encoding",
                "gzip, zstd, deflate, identity",
            ),
            (
                &[kind, ("content-encoding", "gzip, gzip")],
                "accept-encoding",
                "gzip, zstd, deflate, identity",
            ),
        ] {
            let body = receiver.body(&[span("x")]);
            let mut request = server.client.post(server.url(receiver.path())).body(body);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let response = request.send().await.expect("answers");
            assert_eq!(
                response.status(),
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "{receiver:?} {headers:?}"
            );
            assert_eq!(response.headers()[hint], value, "{receiver:?} {headers:?}");
        }
    }
}

#[tokio::test]
async fn bodies_over_the_limit_get_413_compressed_or_not() {
    let server = Server::start().await;
    let large = vec![b' '; BODY_LIMIT + 1];
    for receiver in Receiver::ALL {
        for coding in Coding::ALL {
            let many = vec![coding.encode(&vec![b' '; 1 << 20]); 20].concat();
            let many = ("in many parts", many);
            // `deflate` has one part only.
            let many = Some(many).filter(|_| coding != Coding::Deflate);
            let one = ("one", coding.encode(&large));
            for (what, body) in [one].into_iter().chain(many) {
                let (status, words) =
                    refused(&server, receiver, &headers(receiver, coding), body).await;
                assert_eq!(
                    status,
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "{receiver:?} {coding:?}: {what}: {words}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_damaged_compressed_body_gets_400() {
    let server = Server::start().await;
    for receiver in Receiver::ALL {
        for coding in Coding::COMPRESSED {
            let twice = coding.encode(&coding.encode(&receiver.body(&[span("x")])));
            let kind = [("content-type", receiver.content_type())];
            let body = coding.encode(&receiver.body(&[span("x")]));
            let (status, words) = refused(&server, receiver, &kind, body).await;
            assert_eq!(
                status,
                StatusCode::BAD_REQUEST,
                "{receiver:?}: the reason is missing in {words}"
            );
            for (what, body) in [
                ("not compressed", b"plain".to_vec()),
                ("compressed twice", twice),
                (
                    "cut",
                    coding.encode(&receiver.body(&[span("x")]))[..20].to_vec(),
                ),
            ] {
                let (status, words) =
                    refused(&server, receiver, &headers(receiver, coding), body).await;
                assert_eq!(
                    status,
                    StatusCode::BAD_REQUEST,
                    "{receiver:?} {coding:?}: {what}: {words}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_slow_body_gets_408_and_a_wrong_content_length_is_not_awaited() {
    let server = Server::start().await;
    for receiver in Receiver::ALL {
        let address = server.base.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).await.expect("connects");
        let head = format!(
            "POST {} HTTP/1.1\r\nhost: {address}\r\ncontent-type: {}\r\ncontent-length: 1000\r\n\r\n{{",
            receiver.path(),
            receiver.content_type()
        );
        stream.write_all(head.as_bytes()).await.expect("sends");
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.expect("answers");
        assert_eq!(&answer, b"HTTP/1.1 408", "{receiver:?}");
    }
}

#[tokio::test]
async fn an_endless_body_is_rejected_at_the_limit() {
    let server = Server::start().await;
    let address = server.base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("connects");
    let head = format!(
        "POST /v1/traces HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\n\
         transfer-encoding: chunked\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("sends");
    let mut chunk = b"10000\r\n".to_vec();
    chunk.extend(vec![b' '; 0x10000]);
    chunk.extend(b"\r\n");
    for _ in 0..=BODY_LIMIT / 0x10000 {
        stream.write_all(&chunk).await.expect("sends");
    }
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.expect("answers");
    assert_eq!(&answer, b"HTTP/1.1 413");
}
