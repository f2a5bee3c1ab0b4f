//! Tests of the response of each receiver to valid requests.

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{Coding, Receiver, Server, hex, span, text};

#[tokio::test]
async fn an_acknowledged_span_is_read_back_from_every_receiver() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    for receiver in Receiver::ALL {
        let mut sent = span("GET /products/{id}");
        sent.attributes = vec![text("user.id", "ada")];
        let answer = server.send(receiver, std::slice::from_ref(&sent)).await;
        assert_eq!(answer["rejected"], 0, "{receiver:?}");

        let trace = server.trace(&sent).await;
        assert_eq!(trace["summary"]["root_service"], "shop");
        assert_eq!(trace["summary"]["user"], "ada");
        assert_eq!(trace["spans"][0]["span_id"], hex(&sent.span_id));
        assert_eq!(
            trace["spans"][0]["start_ns"],
            sent.start_time_unix_nano.to_string()
        );
    }
}

#[tokio::test]
async fn users_and_sessions_that_are_numbers_are_found_by_their_text() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    let number = |key: &str, number| {
        let mut pair = text(key, "");
        let value = pair.value.get_or_insert_default();
        value.value = Some(Any::IntValue(number));
        pair
    };
    for receiver in Receiver::ALL {
        let mut sent = span("POST /pay");
        sent.attributes = vec![number("user.id", 4_711), number("session.id", 815)];
        let answer = server.send(receiver, std::slice::from_ref(&sent)).await;
        assert_eq!(answer["rejected"], 0, "{receiver:?}");
        let trace = server.trace(&sent).await;
        assert_eq!(trace["summary"]["user"], "4711", "{receiver:?}");
        assert_eq!(trace["summary"]["session"], "815", "{receiver:?}");
        for query in ["user=4711", "session=815", "attr.user.id=4711"] {
            let list = server.get_json(&format!("/api/admin/traces?{query}")).await;
            let items = list["items"].as_array().expect("a list");
            let mut ids = items.iter().map(|item| &item["trace_id"]);
            assert!(
                ids.any(|id| *id == hex(&sent.trace_id)),
                "{receiver:?} {query}"
            );
        }
    }
}

#[tokio::test]
async fn services_that_are_numbers_are_found_by_their_text() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    for (at, value) in [json!({"intValue": "8080"}), json!({"doubleValue": 8080.5})]
        .into_iter()
        .enumerate()
    {
        let sent = span("work");
        let body = json!({"resourceSpans": [{
            "resource": {"attributes": [{"key": "service.name", "value": value}]},
            "scopeSpans": [{"spans": [{
                "traceId": hex(&sent.trace_id), "spanId": hex(&sent.span_id), "name": "work",
                "startTimeUnixNano": sent.start_time_unix_nano.to_string(),
                "endTimeUnixNano": sent.end_time_unix_nano.to_string(),
            }]}],
        }]});
        let request = server.client.post(server.url("/v1/traces"));
        let response = request.json(&body).send().await.expect("answers");
        assert_eq!(response.status(), StatusCode::OK);
        let name = ["8080", "8080.5"][at];
        assert_eq!(server.trace(&sent).await["summary"]["root_service"], name);
        let list = server
            .get_json(&format!("/api/admin/traces?service={name}"))
            .await;
        assert_eq!(list["items"][0]["trace_id"], hex(&sent.trace_id));
    }
}

#[tokio::test]
async fn a_batch_sent_twice_is_stored_once_with_the_same_counts_by_every_receiver() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    for receiver in Receiver::ALL {
        let (click, mut fetch) = (span("click"), span("fetch"));
        fetch.trace_id.clone_from(&click.trace_id);
        fetch.parent_span_id.clone_from(&click.span_id);
        let spans = [click, fetch];
        server.send(receiver, &spans).await;
        let first = server.trace(&spans[0]).await;
        let again = server.send(receiver, &spans).await;
        if receiver == Receiver::Native {
            assert_eq!(again["answer"]["received"], 0);
            assert_eq!(again["answer"]["duplicate"], 2);
        }
        assert_eq!(server.trace(&spans[0]).await, first, "{receiver:?}");
        assert_eq!(first["summary"]["span_count"], 2);
    }
    let list = server.get_json("/api/admin/traces").await;
    assert_eq!(list["items"].as_array().expect("a list").len(), 3);
}

#[tokio::test]
async fn every_content_encoding_is_accepted_and_responses_have_the_request_format() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    for receiver in Receiver::ALL {
        for coding in Coding::ALL {
            let sent = span("zipped");
            let response = server
                .client
                .post(server.url(receiver.path()))
                .header(
                    "content-type",
                    format!("{}; charset=utf-8", receiver.content_type()),
                )
                .header("content-encoding", coding.name())
                .body(coding.encode(&receiver.body(std::slice::from_ref(&sent))))
                .send()
                .await
                .expect("answers");
            assert_eq!(response.status(), StatusCode::OK, "{receiver:?} {coding:?}");
            assert_eq!(response.headers()["content-type"], receiver.content_type());
            server.trace(&sent).await;
        }
    }
}

#[tokio::test]
async fn an_empty_request_succeeds() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    for receiver in Receiver::ALL {
        for coding in Coding::ALL {
            let empty = coding.encode(b"");
            let object = coding.encode(b"{}");
            let bodies = if receiver == Receiver::OtlpProtobuf {
                vec![Vec::new(), empty]
            } else {
                vec![Vec::new(), empty, object]
            };
            for body in bodies {
                let response = server
                    .client
                    .post(server.url(receiver.path()))
                    .header("content-type", receiver.content_type())
                    .header("content-encoding", coding.name())
                    .body(body)
                    .send()
                    .await
                    .expect("answers");
                assert_eq!(response.status(), StatusCode::OK, "{receiver:?} {coding:?}");
            }
        }
    }
}

#[tokio::test]
async fn pages_of_any_origin_may_send_without_credentials() {
    let server = Server::start().await;
    for path in ["/api/trace-log", "/v1/traces", "/v1/logs", "/api/v2/spans"] {
        let response = server
            .client
            .request(Method::OPTIONS, server.url(path))
            .header("origin", "https://shop.example")
            .header("access-control-request-method", "POST")
            .header(
                "access-control-request-headers",
                "content-type,content-encoding",
            )
            .send()
            .await
            .expect("answers");
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let headers = response.headers();
        assert_eq!(headers["access-control-allow-origin"], "*");
        assert!(!headers.contains_key("access-control-allow-credentials"));
        let allowed = headers["access-control-allow-headers"]
            .to_str()
            .expect("text");
        assert!(allowed.contains("content-type") && allowed.contains("content-encoding"));
    }
}

#[tokio::test]
async fn a_beacon_with_json_as_plain_text_is_accepted() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    let sent = span("page hide");
    let response = server
        .client
        .post(server.url("/api/trace-log"))
        .header("content-type", "text/plain;charset=UTF-8")
        .header("origin", "https://shop.example")
        .body(Receiver::Native.body(std::slice::from_ref(&sent)))
        .send()
        .await
        .expect("answers");
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    let answer: serde_json::Value = response.json().await.expect("JSON");
    assert_eq!(answer["received"], json!(1));
}
