//! Tests of the JSON API, the health routes and the access checks.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
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

/// Returns the forms in which tools write an id of 16 bytes of which the first 8 are zeros.
fn forms(low: u64) -> Vec<String> {
    let (hex, whole) = (format!("{low:016x}"), format!("{low:032x}"));
    vec![
        whole.clone(),
        whole.to_uppercase(),
        format!("0x{whole}"),
        format!(
            "{}-0000-0000-{}-{}",
            &whole[..8],
            &whole[16..20],
            &whole[20..]
        ),
        hex.clone(),
        hex.trim_start_matches('0').to_owned(),
        URL_SAFE_NO_PAD.encode(u128::from(low).to_be_bytes()),
    ]
}

#[tokio::test]
async fn every_route_takes_every_form_of_an_id() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    let (trace, span_id) = (0x00c1_d2e3_f405_1627_u64, 0x00b1_c2d3_e4f5_0617_u64);
    let mut sent = span("GET /cart");
    sent.trace_id = u128::from(trace).to_be_bytes().to_vec();
    sent.span_id = span_id.to_be_bytes().to_vec();
    server
        .send(Receiver::Native, std::slice::from_ref(&sent))
        .await;
    let traces = forms(trace);
    let mut spans = vec![
        format!("{span_id:016x}"),
        format!("{span_id:016X}"),
        format!("{span_id:x}"),
    ];
    spans.push(URL_SAFE_NO_PAD.encode(span_id.to_be_bytes()));
    for (at, trace) in traces.iter().enumerate() {
        let span = &spans[at % spans.len()];
        for path in [
            format!("/api/admin/traces/{trace}"),
            format!("/api/admin/traces/{trace}/spans/{span}"),
            format!("/api/admin/traces/{trace}/spans/{span}/payloads"),
            format!("/api/admin/traces/{trace}?format=otlp"),
            format!("/api/admin/events?trace={trace}&span={span}"),
            format!("/api/admin/live?trace_id={trace}"),
        ] {
            let status = server.get(&path).await.status();
            assert_eq!(status, StatusCode::OK, "{path}");
        }
        for text in [trace, span] {
            let path = format!("/api/admin/search?q={text}");
            let lookup = server.get_json(&path).await;
            let found = &lookup["traces"]["items"][0]["trace_id"];
            assert_eq!(*found, hex(&sent.trace_id), "{path}");
        }
        let pin = server.url(&format!("/api/admin/traces/{trace}/pin"));
        let pinned = server.client.put(pin).send().await.expect("answers");
        assert!(pinned.status().is_success(), "{trace}: {}", pinned.status());
    }
    let pins = server.get_json("/api/admin/pins").await;
    assert_eq!(pins.as_array().map(Vec::len), Some(1), "{pins}");
}

#[tokio::test]
async fn names_and_ids_of_the_full_length_can_be_filtered() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    // Four bytes in UTF-8, and twelve in a URL.
    let text = |chars: usize| "\u{1f980}".repeat(chars);
    let encoded = |text: &str| text.replace('\u{1f980}', "%F0%9F%A6%80");
    let sent = span("");
    let attributes = json!({"user.id": text(256), "session.id": text(128), "note": text(1_024)});
    let spans = json!([{
        "trace_id": hex(&sent.trace_id),
        "span_id": hex(&sent.span_id),
        "name": text(1_024),
        "start_ns": sent.start_time_unix_nano.to_string(),
        "end_ns": sent.end_time_unix_nano.to_string(),
        "attributes": attributes,
    }]);
    send_native(&server, &text(1_024), spans).await;
    for (parameter, mark, chars) in [
        ("service", "", 1_024),
        ("operation", "%3D", 1_024),
        ("user", "", 256),
        ("session", "", 128),
        ("attr.user.id", "", 256),
        ("attr.note", "", 1_024),
    ] {
        let query = format!("{parameter}={mark}{}", encoded(&text(chars)));
        for path in ["traces", "traces/stats"] {
            let found = server.get_json(&format!("/api/admin/{path}?{query}")).await;
            let count = found["items"]
                .as_array()
                .map_or(&found["trace_count"], |items| &items[0]);
            assert!(
                *count == 1 || count["trace_id"] == hex(&sent.trace_id),
                "{parameter} {path}"
            );
        }
        let page = server.get(&format!("/traces?{query}")).await;
        assert_eq!(page.status(), StatusCode::OK, "{parameter}");
    }
}

#[tokio::test]
async fn events_with_ids_that_are_numbers_are_found_by_their_text() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    for (at, (sent, text)) in [
        (json!(815), "815"),
        (json!(1.5), "1.5"),
        (json!(true), "true"),
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({
            "resource": {"attributes": {"service.name": sent}},
            "events": [{
                "event_name": format!("event {at}"),
                "time_ns": span("").start_time_unix_nano.to_string(),
                "attributes": {
                    "session.id": sent,
                    "throughline.correlation.id": sent,
                },
            }],
        });
        let answer = server
            .post(Receiver::Native, body.to_string().into_bytes())
            .await;
        assert_eq!(answer.status(), StatusCode::OK);
        for parameter in ["session", "correlation", "service"] {
            let path = format!("/api/admin/events?range=1h&{parameter}={text}");
            let found = server.get_json(&path).await;
            let names: Vec<_> = found["items"]
                .as_array()
                .expect("a list")
                .iter()
                .map(|event| event["event_name"].clone())
                .collect();
            assert_eq!(names, [json!(format!("event {at}"))], "{path}");
        }
    }
}
