//! Tests of the JSON API, the health routes and the access checks.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::{Receiver, Server, hex, span};

async fn problem(server: &Server, path: &str, status: StatusCode) -> Value {
    let response = server.get(path).await;
    assert_eq!(response.status(), status, "{path}");
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json",
        "{path}"
    );
    response.json().await.expect("JSON")
}

#[tokio::test]
async fn missing_and_invalid_requests_get_a_problem_document() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    let unknown = "/api/admin/traces/4bf92f3577b34da6a3ce929d0e0e4736";
    for path in [
        unknown,
        &format!("{unknown}/spans/00f067aa0ba902b7"),
        "/api/nothing",
        "/api/admin/x",
    ] {
        let problem = problem(&server, path, StatusCode::NOT_FOUND).await;
        assert_eq!(problem["status"], 404);
    }
    for path in [
        "/api/admin/traces/xyz",
        "/api/admin/traces/00000000000000000000000000000000",
        &format!("{unknown}/spans/1"),
        "/api/admin/traces?limit=0",
        "/api/admin/traces?after=soon",
        "/api/admin/traces?servcie=shop",
        "/api/admin/traces/stats?status=odd",
    ] {
        problem(&server, path, StatusCode::BAD_REQUEST).await;
    }
    let problem = problem(&server, "/api/admin/traces/xyz", StatusCode::BAD_REQUEST).await;
    assert_eq!(
        problem["detail"],
        "the trace id has the wrong length: expected 32 hexadecimal characters (16 bytes)"
    );
}

#[tokio::test]
async fn a_filter_selects_the_same_traces_for_list_and_statistics() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    for name in ["GET /cart", "POST /orders", "POST /orders"] {
        server.send(Receiver::OtlpProtobuf, &[span(name)]).await;
    }
    let list = server
        .get_json("/api/admin/traces?operation=orders&limit=1")
        .await;
    assert_eq!(list["items"].as_array().expect("a list").len(), 1);
    assert_eq!(list["total"]["count"], 2);
    let after = list["after"].as_object().expect("a second page");
    let after = format!(
        "{}-{}",
        after["start"].as_str().unwrap(),
        after["trace_id"].as_str().unwrap()
    );
    let second = server
        .get_json(&format!(
            "/api/admin/traces?operation=orders&limit=1&after={after}"
        ))
        .await;
    assert_eq!(second["items"].as_array().expect("a list").len(), 1);
    assert_ne!(second["items"], list["items"]);
    let statistics = server
        .get_json("/api/admin/traces/stats?operation=orders")
        .await;
    assert_eq!(statistics["trace_count"], 2);
}

#[tokio::test]
async fn one_span_is_read_with_its_resource() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    let sent = span("GET /");
    server
        .send(Receiver::Native, std::slice::from_ref(&sent))
        .await;
    let path = format!(
        "/api/admin/traces/{}/spans/{}",
        hex(&sent.trace_id),
        hex(&sent.span_id)
    );
    let details = server.get_json(&path).await;
    let resource = &details["spans"][0]["resource"];
    assert_eq!(resource["attributes"]["service.name"], "shop");
    assert_eq!(details["more"], 0);
    for (prefix, names) in [
        ("", json!(["shop"])),
        ("sh", json!(["shop"])),
        ("S", json!([])),
    ] {
        let path = format!("/api/admin/services?prefix={prefix}");
        let list = server.get_json(&path).await;
        assert_eq!(list, json!({"names": names, "is_truncated": false}));
    }
}

#[tokio::test]
async fn a_request_with_a_foreign_host_name_is_rejected() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    for path in [
        "/",
        "/traces",
        "/api/admin/traces",
        "/metrics",
        "/pkg/throughline.js",
    ] {
        let request = server
            .client
            .get(server.url(path))
            .header("host", "evil.example");
        let status = request.send().await.expect("answers").status();
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn a_cross_origin_request_to_the_panel_is_rejected() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    let call = |origin: Option<String>| {
        let request = server.client.post(server.url("/api/panel/list_services"));
        match origin {
            Some(origin) => request.header("origin", origin),
            None => request,
        }
    };
    for foreign in ["https://evil.example", "null", "http://127.0.0.1:1"] {
        let status = call(Some(foreign.to_owned()))
            .send()
            .await
            .expect("answers")
            .status();
        assert_eq!(status, StatusCode::FORBIDDEN, "{foreign}");
    }
    let own = call(Some(server.base.clone()))
        .send()
        .await
        .expect("answers");
    assert_eq!(own.status(), StatusCode::OK);
    assert_eq!(
        call(None).send().await.expect("answers").status(),
        StatusCode::OK
    );
}

#[tokio::test]
async fn health_probes_get_a_response() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    assert_eq!(server.get("/healthz").await.status(), StatusCode::OK);
    assert_eq!(server.get("/metrics").await.status(), StatusCode::OK);
}

#[tokio::test]
async fn an_id_of_any_kind_is_looked_up_and_an_unknown_one_is_not_an_error() {
    let server = Server::start().await;
    let sent = span("GET /cart");
    server
        .send(Receiver::OtlpProtobuf, std::slice::from_ref(&sent))
        .await;
    let (trace, span) = (hex(&sent.trace_id), hex(&sent.span_id));
    for (text, found) in [(&trace, "trace_id"), (&span, "span_id")] {
        let lookup = server
            .get_json(&format!("/api/admin/search?q={text}"))
            .await;
        assert_eq!(lookup["found"], found);
        assert_eq!(lookup["traces"]["items"][0]["trace_id"], trace.as_str());
    }
    let lookup = server
        .get_json("/api/admin/search?q=order+4711&limit=5")
        .await;
    assert_eq!(lookup["found"], Value::Null);
    assert_eq!(lookup["looked_for"], serde_json::json!(["attribute"]));
    for path in [
        "",
        "?q=",
        "?q=a%00b",
        "?q=a&after=x",
        "?query=a",
        "?q=a&limit=0",
    ] {
        let path = format!("/api/admin/search{path}");
        problem(&server, &path, StatusCode::BAD_REQUEST).await;
    }
}

/// Sends a batch in the native format.
async fn send_native(server: &Server, service: &str, spans: Value) {
    let body = json!({
        "resource": {"attributes": {"service.name": service}},
        "spans": spans,
    });
    let answer = server
        .post(Receiver::Native, body.to_string().into_bytes())
        .await;
    assert_eq!(answer.status(), StatusCode::OK);
}

#[tokio::test]
async fn names_that_differ_only_in_outer_spaces_are_different_names_everywhere() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    let plain = span("");
    for (at, space) in ["", " "].into_iter().enumerate() {
        let name = |text: &str| format!("{space}{text}{space}");
        let id = |count: usize| format!("{:0width$x}", at + 1, width = count);
        let attributes = json!({"user.id": name("ann"), "session.id": name("s")});
        let spans = json!([{
            "trace_id": id(32),
            "span_id": id(16),
            "name": name("GET /"),
            "start_ns": plain.start_time_unix_nano.to_string(),
            "end_ns": plain.end_time_unix_nano.to_string(),
            "attributes": attributes,
        }]);
        send_native(&server, &name("shop"), spans).await;
    }
    for (parameter, value) in [
        ("operation", "%3DGET+/"),
        ("operation", "%3D+GET+/+"),
        ("service", "shop"),
        ("service", "+shop+"),
        ("user", "ann"),
        ("user", "+ann+"),
        ("session", "s"),
        ("session", "+s+"),
    ] {
        let has_spaces = value.ends_with('+');
        let id = if has_spaces { 2 } else { 1 };
        let query = format!("{parameter}={value}");
        let list = server.get_json(&format!("/api/admin/traces?{query}")).await;
        let items = list["items"].as_array().expect("a list");
        assert_eq!(items.len(), 1, "{query}");
        assert_eq!(items[0]["trace_id"], format!("{id:032x}"), "{query}");
        let statistics = server
            .get_json(&format!("/api/admin/traces/stats?{query}"))
            .await;
        assert_eq!(statistics["trace_count"], 1, "{query}");
        let page = server.get(&format!("/traces?{query}")).await;
        let html = page.text().await.expect("text");
        assert!(html.contains(&format!("/traces/{id:032x}")), "{query}");
    }
    for (path, count) in [("s", 1), ("%20s%20", 1), ("%20s", 0)] {
        let answer = server.get(&format!("/api/admin/sessions/{path}")).await;
        let found: Value = answer.json().await.expect("JSON");
        let items = found["traces"]["items"].as_array().map_or(0, Vec::len);
        assert_eq!(items, count, "{path}");
    }
}

#[tokio::test]
async fn limit_and_cursors_hold_for_the_traces_of_a_session_and_of_a_correlation() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    let plain = span("");
    for at in 1..=3_u64 {
        let spans = json!([{
            "trace_id": format!("{at:032x}"),
            "span_id": format!("{at:016x}"),
            "name": "GET /",
            "start_ns": (plain.start_time_unix_nano - at).to_string(),
            "end_ns": plain.end_time_unix_nano.to_string(),
            "attributes": {"session.id": "s-1", "throughline.order.id": "o-1"},
        }]);
        send_native(&server, "shop", spans).await;
    }
    for path in ["/api/admin/sessions/s-1", "/api/admin/correlations/o-1"] {
        let first = server.get_json(&format!("{path}?limit=2")).await;
        let ids = |found: &Value| -> Vec<String> {
            let items = found["traces"]["items"].as_array().expect("items").iter();
            items
                .map(|trace| trace["trace_id"].as_str().expect("an id").to_owned())
                .collect()
        };
        let mut found = ids(&first);
        assert_eq!(found.len(), 2, "{path}");
        let after = &first["traces"]["after"];
        let after = format!(
            "{}-{}",
            after["start"].as_str().expect("a cursor"),
            after["trace_id"].as_str().expect("a cursor")
        );
        let second = server
            .get_json(&format!("{path}?limit=2&after={after}"))
            .await;
        found.extend(ids(&second));
        found.sort();
        let all: Vec<_> = (1..=3).map(|at| format!("{at:032x}")).collect();
        assert_eq!(found, all, "{path}");
    }
}
