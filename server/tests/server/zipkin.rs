//! Tests of the Zipkin receiver with the requests of real reporters.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use throughline_wire::TenantId;

use crate::support::{BODY_LIMIT, Coding, Server, hex, span};

/// Returns a span of the service `shop`, and its trace id.
fn zipkin(name: &str) -> (Value, String) {
    let span = span(name);
    let trace_id = hex(&span.trace_id);
    let body = json!({
        "traceId": trace_id,
        "id": hex(&span.span_id),
        "name": name,
        "kind": "SERVER",
        "timestamp": span.start_time_unix_nano / 1000,
        "duration": 1_000_000,
        "localEndpoint": {"serviceName": "shop"},
        "tags": {"error": "out of stock"},
    });
    (body, trace_id)
}

async fn post(server: &Server, coding: Coding, body: &[u8]) -> reqwest::Response {
    server
        .client
        .post(server.url("/api/v2/spans"))
        .header("content-type", "application/json")
        .header("content-encoding", coding.name())
        .body(coding.encode(body))
        .send()
        .await
        .expect("answers")
}

#[tokio::test]
async fn zipkin_spans_are_stored_and_get_the_response_of_zipkin() {
    let server = Server::start().await;
    for coding in Coding::ALL {
        let (sent, trace_id) = zipkin("get /api");
        let body = json!([sent]).to_string();
        for _ in 0..2 {
            let response = post(&server, coding, body.as_bytes()).await;
            assert_eq!(response.status(), StatusCode::ACCEPTED);
            assert_eq!(response.bytes().await.expect("a body").as_ref(), b"");
        }
        let trace = server
            .get_json(&format!("/api/admin/traces/{trace_id}"))
            .await;
        assert_eq!(trace["summary"]["span_count"], 1);
        assert_eq!(trace["summary"]["error_count"], 1);
        assert_eq!(trace["summary"]["root_service"], "shop");
        assert_eq!(trace["spans"][0]["status"]["message"], "out of stock");
    }
}

/// Returns a span of a call of `GET /me`, with its times in ms.
fn call(trace_id: &str, id: &str, start: u64, changes: &Value) -> Value {
    let now = span("").start_time_unix_nano / 1000;
    let mut sent = json!({
        "traceId": trace_id, "id": id, "name": "get", "kind": "SERVER",
        "timestamp": now + start * 1000, "duration": 1_000,
        "localEndpoint": {"serviceName": "edge-proxy"},
    });
    for (key, value) in changes.as_object().expect("an object") {
        sent[key] = value.clone();
    }
    sent
}

/// Sends the spans one by one, and returns the trace.
async fn stored(server: &Server, spans: &[Value], trace_id: &str) -> Value {
    for sent in spans {
        let response = post(server, Coding::Plain, json!([sent]).to_string().as_bytes()).await;
        assert_eq!(response.status(), StatusCode::ACCEPTED);
    }
    // The id in the form in which Zipkin logs it: 64 bits.
    server
        .get_json(&format!("/api/admin/traces/{trace_id}"))
        .await
}

#[tokio::test]
async fn a_shared_root_without_its_other_half_is_the_root() {
    let server = Server::start().await;
    let id = "b1c2d3e4f5061728";
    let root = call(
        id,
        id,
        0,
        &json!({"name": "shop.example:8443", "shared": true}),
    );
    let client = json!({"parentId": id, "kind": "CLIENT"});
    let client = call(id, "0c0c0c0c0c0c0c01", 5, &client);
    let trace = stored(&server, &[client, root], id).await;
    assert_eq!(trace["summary"]["has_root"], true);
    assert_eq!(trace["summary"]["root_name"], "shop.example:8443");
    assert_eq!(trace["summary"]["root_service"], "edge-proxy");
    assert_eq!(trace["completeness"]["absent_parents"], 0);
    let spans = trace["spans"].as_array().expect("spans");
    let parents = spans.iter().map(|stored| stored["parent_span_id"].as_str());
    let parents: Vec<_> = parents.collect();
    assert!(
        parents.contains(&None) && parents.contains(&Some(id)),
        "{parents:?}"
    );
}

#[tokio::test]
async fn parts_of_a_span_in_several_requests_are_one_span_of_the_waterfall() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    let reader = server.store.reader(TenantId::DEFAULT);
    let now = span("").start_time_unix_nano / 1000;
    for (at, order) in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("{:032x}", at + 1);
        let begun = json!({"timestamp": now, "duration": null, "name": "get /me"});
        let ended = json!({"timestamp": now + 2_000, "duration": 5_000, "name": ""});
        let late = json!({
            "timestamp": null, "duration": null, "name": "",
            "annotations": [{"timestamp": now + 9_000, "value": "flushed"}],
            "tags": {"error": "refused"},
        });
        let parts = [begun, ended, late].map(|changes| call(&id, "a", 0, &changes));
        stored(&server, &order.map(|at| parts[at].clone()), &id).await;
        let trace_id = id.parse().expect("an id");
        let skeleton = reader.trace_skeleton(trace_id).await.expect("reads");
        let spans = skeleton.expect("is stored").spans;
        assert_eq!(spans.len(), 1, "{order:?}: {spans:?}");
        assert_eq!(spans[0].name, "get /me");
        assert_eq!(spans[0].duration_ns, 9_000_000, "{order:?}");
        assert_eq!(spans[0].status, throughline_wire::StatusCode::Error);
        assert_eq!(spans[0].events[0].1, "flushed");
    }
}

#[tokio::test]
async fn a_shared_span_with_an_id_of_its_own_is_the_child_of_its_sent_parent() {
    let server = Server::start().await;
    let id = "c1c2d3e4f5061729";
    let (client, called, query) = ("1a1a1a1a1a1a1a02", "1a1a1a1a1a1a1a03", "1a1a1a1a1a1a1a04");
    let spans = [
        call(
            id,
            query,
            20,
            &json!({"parentId": called, "kind": "CLIENT"}),
        ),
        call(id, called, 15, &json!({"parentId": client, "shared": true})),
        call(id, client, 10, &json!({"parentId": id, "kind": "CLIENT"})),
        call(id, id, 0, &json!({})),
    ];
    let trace = stored(&server, &spans, id).await;
    assert_eq!(trace["completeness"]["absent_parents"], 0);
    let stored = trace["spans"].as_array().expect("spans");
    for sent in &spans {
        let same = stored.iter().find(|stored| stored["span_id"] == sent["id"]);
        let same = same.expect("stored with its id");
        assert_eq!(same["parent_span_id"], sent["parentId"]);
    }
}

#[tokio::test]
async fn bad_zipkin_spans_are_reported_and_the_others_are_stored() {
    let server = Server::start().await;
    let ((good, trace_id), (mut bad, _)) = (zipkin("good"), zipkin("bad"));
    bad["id"] = json!("0000000000000000");
    let body = json!([bad, good]).to_string();
    let response = post(&server, Coding::Plain, body.as_bytes()).await;
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let answer: Value = response.json().await.expect("JSON");
    assert_eq!(
        answer,
        json!({"rejected": [{"index": 0, "reason": "id: is all zeros"}]})
    );
    server
        .get_json(&format!("/api/admin/traces/{trace_id}"))
        .await;
}

#[tokio::test]
async fn bad_zipkin_bodies_get_the_status_of_the_other_receivers() {
    let server = Server::start().await;
    for coding in Coding::ALL {
        for (body, status) in [
            (b"".to_vec(), StatusCode::ACCEPTED),
            (b"[]".to_vec(), StatusCode::ACCEPTED),
            (b"{}".to_vec(), StatusCode::BAD_REQUEST),
            (b"[{".to_vec(), StatusCode::BAD_REQUEST),
            ("\u{feff}[]".into(), StatusCode::BAD_REQUEST),
            (vec![b' '; BODY_LIMIT + 1], StatusCode::PAYLOAD_TOO_LARGE),
        ] {
            let response = post(&server, coding, &body).await;
            assert_eq!(response.status(), status, "{coding:?}");
        }
    }
    for kind in ["application/x-thrift", "application/x-protobuf"] {
        let request = server.client.post(server.url("/api/v2/spans"));
        let response = request.header("content-type", kind).send().await;
        let response = response.expect("answers");
        assert_eq!(response.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
        assert_eq!(response.headers()["accept"], "application/json");
    }
}

#[tokio::test]
async fn a_wrong_call_of_a_receiver_gets_a_remedy() {
    let server = Server::start().await;
    for path in [
        "/api/trace-log",
        "/api/v2/spans",
        "/v1/traces",
        "/v1/logs",
        "/v1/metrics",
    ] {
        for method in [Method::GET, Method::PUT] {
            let request = server.client.request(method, server.url(path));
            let response = request.send().await.expect("answers");
            assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
            let allow = response.headers()["allow"].to_str().expect("text");
            assert!(allow.contains("POST"), "{path}: {allow}");
            let fault: Value = response.json().await.expect("JSON");
            // The OTLP receivers respond in OTLP's own form.
            let is_otlp = path.starts_with("/v1/");
            let detail = if is_otlp { "message" } else { "detail" };
            let detail = fault[detail].as_str().expect("words");
            assert!(detail.contains("accepts POST"), "{path}: {detail}");
        }
    }
    // The port for OTLP alone.
    let response = server
        .client
        .post(format!("{}/v1/trace", server.otlp))
        .send()
        .await
        .expect("answers");
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert!(
        response
            .text()
            .await
            .expect("text")
            .contains("POST /v1/traces")
    );
}

#[tokio::test]
async fn an_unknown_otlp_path_gets_a_status_in_the_format_of_the_request() {
    let server = Server::start().await;
    let main = |path| server.url(path);
    let own = |path| format!("{}{path}", server.otlp);
    for (method, url) in [
        (Method::PUT, main("/v1/traces")),
        (Method::POST, main("/v1/trace")),
        (Method::GET, own("/v1/logs")),
        (Method::POST, own("/v1/trace")),
    ] {
        for (sent, answered) in [
            ("application/x-protobuf", "application/x-protobuf"),
            ("application/json", "application/json"),
            ("text/plain", "application/json"),
        ] {
            let request = server.client.request(method.clone(), &url);
            let request = request.header("content-type", sent).body("");
            let response = request.send().await.expect("answers");
            assert!(response.status().is_client_error());
            assert_eq!(
                response.headers()["content-type"],
                answered,
                "{method} {url}"
            );
            let body = response.bytes().await.expect("a body");
            if answered == "application/json" {
                let status: Value = serde_json::from_slice(&body).expect("JSON");
                assert_eq!(status["code"], 12, "UNIMPLEMENTED");
                assert!(status["message"].is_string());
            } else {
                // Field 1, the code; then field 2, the message.
                assert_eq!(body[..3], [8, 12, 18], "{method} {url}");
            }
        }
    }
}
