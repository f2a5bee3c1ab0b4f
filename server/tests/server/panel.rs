//! Tests of the pages in a browser without scripts, and of their security headers.

use std::io::Read as _;

use reqwest::{Method, StatusCode};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::support::{Receiver, Server, hex, span};

#[tokio::test]
async fn pages_have_their_data_without_a_script() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    let sent = span("POST /orders/{id}");
    server
        .send(Receiver::Native, std::slice::from_ref(&sent))
        .await;
    for path in [
        "/traces".to_owned(),
        format!("/traces/{}", hex(&sent.trace_id)),
    ] {
        let response = server.get(&path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let policy = response.headers()["content-security-policy"]
            .to_str()
            .expect("text")
            .to_owned();
        let nonce = policy
            .split("'nonce-")
            .nth(1)
            .and_then(|rest| rest.split('\'').next());
        let nonce = nonce.expect("a nonce").to_owned();
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        let page = response.text().await.expect("text");
        assert!(page.contains("POST /orders/{id}"), "{path}");
        assert!(
            page.contains(&format!("nonce=\"{nonce}\"")),
            "{path}: scripts carry the nonce"
        );
    }
}

#[tokio::test]
async fn an_unknown_trace_and_an_unknown_page_give_404_pages() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    let id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let unknown = (format!("/traces/{id}"), format!("No trace has the id {id}"));
    let nowhere = (
        "/no/such/page".to_owned(),
        "There is no such page".to_owned(),
    );
    for (path, words) in [unknown, nowhere] {
        let path = path.as_str();
        let response = server.get(path).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        let page = response.text().await.expect("text");
        assert!(page.contains("</html>") && page.contains(&words), "{path}");
    }
}

#[tokio::test]
async fn the_root_redirects_to_the_traces() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    let request = server
        .client
        .get(server.url("/"))
        .header("accept", "text/html");
    let response = request.send().await.expect("answers");
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.url().path(), "/traces");
}

/// Requests a path and returns the content type, the content encodings and the body as sent.
async fn encoded(server: &Server, path: &str, accepts: &str) -> (String, Vec<String>, Vec<u8>) {
    let request = server.client.get(server.url(path));
    let request = request
        .header("accept-encoding", accepts)
        .header("accept", "text/html");
    let response = request.send().await.expect("answers");
    let all = |name: &str| -> Vec<String> {
        let values = response.headers().get_all(name).iter();
        values
            .map(|value| value.to_str().expect("text").to_owned())
            .collect()
    };
    let (types, encodings) = (all("content-type"), all("content-encoding"));
    let content_type = types.first().cloned().unwrap_or_default();
    let body = if content_type == "text/event-stream" {
        Vec::new()
    } else {
        response.bytes().await.expect("reads").to_vec()
    };
    (content_type, encodings, body)
}

#[tokio::test]
async fn pages_are_compressed_and_small_encoded_and_streamed_bodies_are_not() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    let sent = span("POST /orders/{id}");
    server
        .send(Receiver::Native, std::slice::from_ref(&sent))
        .await;
    let trace = format!("/traces/{}", hex(&sent.trace_id));
    for path in ["/traces", &trace, "/lookup", "/storage", "/no/such/page"] {
        let (content_type, encodings, body) = encoded(&server, path, "gzip").await;
        assert!(content_type.starts_with("text/html"), "{path}");
        assert_eq!(encodings, ["gzip"], "{path}");
        let mut page = String::new();
        flate2::read::GzDecoder::new(body.as_slice())
            .read_to_string(&mut page)
            .expect("is gzip");
        assert!(page.contains("</html>"), "{path}");
        assert!(body.len() * 2 < page.len(), "{path}: {} bytes", body.len());
        assert_eq!(encoded(&server, path, "gzip, br").await.1, ["br"], "{path}");
        assert!(
            encoded(&server, path, "identity").await.1.is_empty(),
            "{path}"
        );
    }
    for path in ["/healthz", "/api/admin/services", "/api/admin/live"] {
        let (_, encodings, _) = encoded(&server, path, "gzip, br").await;
        assert!(encodings.is_empty(), "{path}: {encodings:?}");
    }
}

#[tokio::test]
async fn a_faulty_parameter_is_reported_alike_by_page_and_api() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    for (page, api, query, parameter) in [
        ("/traces", "traces", "status=odd", "status"),
        ("/traces", "traces", "min_duration=fast", "min_duration"),
        ("/traces", "traces", "range=soon", "range"),
        ("/traces", "traces", "from=2026-11-21T14:00", "to"),
        ("/traces", "traces", "limit=501", "limit"),
        ("/traces", "traces", "after=x", "after"),
        ("/traces", "traces", "user=a%00b", "user"),
        ("/traces", "traces", "attr=key", "attr"),
        ("/traces", "traces", "operation=~", "operation"),
        ("/lookup", "search", "q=a&before=x", "before"),
        ("/lookup", "search", "q=a%00b", "q"),
    ] {
        let answer = server.get(&format!("/api/admin/{api}?{query}")).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{query}");
        let problem: serde_json::Value = answer.json().await.expect("JSON");
        let faults = problem["errors"].as_array().expect("errors");
        assert_eq!(faults.len(), 1, "{problem}");
        assert_eq!(faults[0]["parameter"], parameter, "{problem}");
        let detail = problem["detail"].as_str().expect("text");
        let expected = format!(
            "{parameter}: {}",
            faults[0]["detail"].as_str().expect("text")
        );
        assert_eq!(detail, expected);

        let answer = server.get(&format!("{page}?{query}")).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{query}");
        let html = answer.text().await.expect("text");
        let shown = detail.replace('<', "&lt;").replace('>', "&gt;");
        assert!(
            html.contains(&format!("<li>{shown}</li>")),
            "{query}: {shown}"
        );
    }
}

#[tokio::test]
async fn requests_whose_bodies_stall_do_not_delay_pages() {
    let server = Server::start().await;
    let host = server.base.trim_start_matches("http://");
    let id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let mut stalled = Vec::new();
    for path in [
        "POST /api/panel/list_traces".to_owned(),
        format!("PUT /api/admin/traces/{id}/pin"),
        "GET /traces".to_owned(),
        format!("GET /api/admin/traces/{id}"),
    ] {
        for _ in 0..10 {
            let mut stream = TcpStream::connect(host).await.expect("connects");
            let head = format!(
                "{path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n\
                 content-length: 100\r\n\r\n{{"
            );
            stream.write_all(head.as_bytes()).await.expect("sent");
            stalled.push(stream);
        }
    }
    for path in ["/traces", "/api/admin/events?trace=1"] {
        let status = server.get(path).await.status();
        assert_ne!(status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_rejected_by_every_route_of_the_panel_and_the_api() {
    let server = Server::start().await;
    let id = "4bf92f3577b34da6a3ce929d0e0e4736";
    for (method, path) in [
        (Method::POST, "/api/panel/list_traces".to_owned()),
        (Method::PUT, format!("/api/admin/traces/{id}/pin")),
        (Method::DELETE, "/api/admin/traces/cleanup".to_owned()),
    ] {
        let request = server.client.request(method, server.url(&path));
        let answer = request.body(vec![b'x'; 65 << 10]).send().await;
        let status = answer.expect("answers").status();
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{path}");
    }
}
