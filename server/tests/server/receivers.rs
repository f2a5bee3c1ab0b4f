//! Tests of the response of each receiver to valid requests.

use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::json;
use throughline_store::testing::{FreshDatabase, count_spans};

use crate::program::Program;
use crate::support::{Coding, Receiver, Server, client, hex, span, text};

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

/// Checks that a page of `origin` may read a response that it got in credentials mode.
fn allows(headers: &HeaderMap, origin: &str) {
    assert_eq!(headers["access-control-allow-origin"], origin);
    assert_eq!(headers["access-control-allow-credentials"], "true");
    let vary: Vec<_> = headers.get_all("vary").iter().collect();
    let vary = vary.iter().map(|value| value.to_str().expect("text"));
    assert!(
        vary.flat_map(|value| value.split(','))
            .any(|name| name.trim() == "origin"),
        "a cache must not give the response to another origin"
    );
}

/// The origins of pages: `null` is that of a file and of a sandboxed frame.
const ORIGINS: [&str; 2] = ["https://shop.example", "null"];

#[tokio::test]
async fn pages_of_any_origin_may_send_with_credentials_as_beacons_do() {
    let server = Server::start().await;
    let main = ["/api/trace-log", "/api/v2/spans"].map(|path| server.url(path));
    let both = ["/v1/traces", "/v1/logs", "/v1/metrics", "/v1/wrong"]
        .map(|path| [server.url(path), format!("{}{path}", server.otlp)]);
    let other = [format!("{}/wrong", server.otlp)];
    let urls = main.iter().chain(both.as_flattened()).chain(&other);
    for (url, origin) in urls.flat_map(|url| ORIGINS.map(|origin| (url, origin))) {
        let preflight = server
            .client
            .request(Method::OPTIONS, url)
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header(
                "access-control-request-headers",
                "authorization,content-type,content-encoding",
            );
        let response = preflight.send().await.expect("answers");
        assert_eq!(response.status(), StatusCode::OK, "{url}");
        let headers = response.headers();
        allows(headers, origin);
        let text = |name: &str| headers[name].to_str().expect("text").to_owned();
        let allowed = text("access-control-allow-headers");
        let allowed: Vec<_> = allowed.split(',').map(str::trim).collect();
        for name in ["authorization", "content-type", "content-encoding"] {
            assert!(allowed.contains(&name), "{url}: {allowed:?}");
        }
        assert_eq!(text("access-control-allow-methods"), "POST");

        // A page may also read the response to a request that is refused.
        let post = server.client.post(url).header("origin", origin);
        let response = post.body("refused").send().await.expect("answers");
        assert!(response.status().is_client_error(), "{url}");
        allows(response.headers(), origin);
    }
}

#[tokio::test]
async fn only_pages_of_the_allowed_origins_may_send_if_there_is_a_list() {
    let database = FreshDatabase::create().await;
    let options = [
        "--allow-origin",
        "https://a.example,HTTPS://Shop.example:443/",
    ];
    let server = Program::serve_on(database.url(), &options).await;
    let own = server.base.as_str();
    let mut accepted = 0;
    for receiver in Receiver::ALL {
        let url = format!("{}{}", server.base, receiver.path());
        for (origin, is_allowed) in [
            (None, true),
            (Some("https://shop.example"), true),
            (Some(own), true),
            (Some("https://shop.example.evil.test"), false),
            (Some("http://shop.example"), false),
            (Some("null"), false),
        ] {
            let with_origin = |request: RequestBuilder| match origin {
                Some(origin) => request.header("origin", origin),
                None => request,
            };
            let case = format!("{receiver:?} {origin:?}");
            let preflight = client().request(Method::OPTIONS, &url);
            let preflight = with_origin(preflight)
                .header("access-control-request-method", "POST")
                .send();
            let preflight = preflight.await.expect("answers");
            let post = client().post(&url);
            let post = with_origin(post)
                .header("content-type", receiver.content_type())
                .body(receiver.body(&[span("x")]))
                .send();
            let post = post.await.expect("answers");
            let is_named = is_allowed && origin.is_some_and(|origin| origin != own);
            for headers in [preflight.headers(), post.headers()] {
                let named = headers.get("access-control-allow-origin");
                assert_eq!(named.is_some(), is_named, "{case}");
            }
            if is_named {
                allows(preflight.headers(), origin.expect("named"));
                allows(post.headers(), origin.expect("named"));
            }
            let status = post.status();
            let expected = if is_allowed {
                StatusCode::OK
            } else {
                StatusCode::FORBIDDEN
            };
            assert_eq!(status, expected, "{case}");
            accepted += i64::from(is_allowed);
        }
    }
    assert_eq!(count_spans(database.url()).await, accepted);
    assert!(server.stop().await.success());
}

#[tokio::test]
async fn a_request_without_an_origin_gets_none() {
    let server = Server::start().await;
    let post = server.client.post(server.url("/v1/traces"));
    let response = post.send().await.expect("answers");
    assert!(
        !response
            .headers()
            .contains_key("access-control-allow-origin")
    );
}

#[tokio::test]
async fn the_panel_and_its_api_allow_no_other_origin() {
    let server = Server::start().await;
    for (method, path) in [
        (Method::GET, "/traces"),
        (Method::GET, "/api/admin/traces"),
        (Method::OPTIONS, "/api/admin/traces"),
        (Method::GET, "/metrics"),
        (Method::GET, "/readyz"),
    ] {
        let request = server.client.request(method, server.url(path));
        let request = request.header("origin", "https://evil.example");
        let request = request.header("access-control-request-method", "GET");
        let response = request.send().await.expect("answers");
        for name in [
            "access-control-allow-origin",
            "access-control-allow-credentials",
        ] {
            assert!(!response.headers().contains_key(name), "{path}: {name}");
        }
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
        .header("cookie", "theme=dark")
        .body(Receiver::Native.body(std::slice::from_ref(&sent)))
        .send()
        .await
        .expect("answers");
    allows(response.headers(), "https://shop.example");
    let answer: serde_json::Value = response.json().await.expect("JSON");
    assert_eq!(answer["received"], json!(1));
}
