//! Tests of the live view over HTTP.

use std::time::Duration;

use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, KeyValue, any_value::Value as Any,
};
use opentelemetry_proto::tonic::trace::v1::Status;
use reqwest::{Response, StatusCode};
use serde_json::Value;

use crate::support::{MAX_LIVE_VIEWS, Receiver, Server, hex, span, text};

/// Much longer than any step takes: a test that waits this long has failed.
const TIMEOUT: Duration = Duration::from_secs(20);

/// A stream of events, read one by one.
struct Events {
    response: Response,
    text: String,
}

impl Events {
    async fn open(server: &Server, query: &str) -> Self {
        let response = server.get(&format!("/api/admin/live{query}")).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut events = Self {
            response,
            text: String::new(),
        };
        let first = events.block().await.expect("begins");
        assert!(first.contains("retry: 2000"), "{first}");
        assert_eq!(events.next().await.expect("listens").0, "listening");
        events
    }

    /// Returns the lines up to the next empty one.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.text = rest;
                return Some(block);
            }
            let chunk = tokio::time::timeout(TIMEOUT, self.response.chunk()).await;
            let chunk = chunk.expect("something comes").expect("reads")?;
            self.text
                .push_str(std::str::from_utf8(&chunk).expect("text"));
        }
    }

    /// Returns the next event and its data; `None` at the end of the stream.
    async fn next(&mut self) -> Option<(String, Value)> {
        let block = self.block().await?;
        let field = |name: &str| {
            block
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap_or_else(|| panic!("{name} in {block}"))
                .trim()
        };
        let data = serde_json::from_str(field("data:")).expect("JSON");
        Some((field("event:").to_owned(), data))
    }
}

#[tokio::test]
async fn a_live_event_has_the_summary_of_the_list() {
    let server = Server::start().await;
    let mut events = Events::open(&server, "").await;
    let sent = span("GET /cart");
    server
        .send(Receiver::Native, std::slice::from_ref(&sent))
        .await;
    let (event, data) = events.next().await.expect("is sent");
    assert_eq!(event, "traces");
    assert_eq!(data["more"], 0);
    assert!(data["now_ns"].is_string());
    let list = server.get_json("/api/admin/traces").await;
    assert_eq!(data["traces"], list["items"]);
    assert_eq!(data["traces"][0]["trace_id"], hex(&sent.trace_id));
}

#[tokio::test]
async fn a_live_view_applies_its_filter_and_limit() {
    let server = Server::start().await;
    let mut events = Events::open(&server, "?operation=orders&limit=1").await;
    server.send(Receiver::Native, &[span("GET /cart")]).await;
    let orders = [span("POST /orders"), span("POST /orders")];
    server.send(Receiver::Native, &orders).await;
    let (_, data) = events.next().await.expect("is sent");
    assert_eq!(data["traces"].as_array().expect("a list").len(), 1);
    assert_eq!(data["traces"][0]["root_name"], "POST /orders");
    assert_eq!(data["more"], 1);
}

#[tokio::test]
async fn a_live_view_selects_by_any_span_as_the_list_does() {
    let server = Server::start().await;
    for query in [
        "?operation=SELECT",
        "?kind=client",
        "?attr.order.id=o-77",
        "?error=REFUSED",
        "?user=ann",
        "?operation=cart&attr.order.id=o-77&error=card",
    ] {
        let mut events = Events::open(&server, query).await;
        let parent = span("POST /orders");
        let mut child = span("SELECT cart");
        child.trace_id.clone_from(&parent.trace_id);
        child.parent_span_id.clone_from(&parent.span_id);
        child.kind = 3;
        child.attributes = vec![text("order.id", "o-77"), text("user.id", "ann")];
        child.status = Some(Status {
            message: "the card was refused".to_owned(),
            code: 2,
        });
        let id = hex(&parent.trace_id);
        let sent = [span("GET /cart"), parent, child, span("other")];
        server.send(Receiver::OtlpProtobuf, &sent).await;
        let (event, data) = events.next().await.expect("is sent");
        assert_eq!(event, "traces", "{query}");
        let traces = data["traces"].as_array().expect("a list");
        assert_eq!(traces.len(), 1, "{query}: {data}");
        assert_eq!(traces[0]["trace_id"], id, "{query}");
        let list = server.get_json(&format!("/api/admin/traces{query}")).await;
        let items = list["items"].as_array().expect("a list");
        assert!(items.contains(&traces[0]), "{query}: {data} {list}");
    }
}

#[tokio::test]
async fn a_live_view_of_one_trace_ignores_its_start_time() {
    let server = Server::start().await;
    let mut first = span("POST /orders");
    // Before the default range of a list.
    let began = first.start_time_unix_nano - 3 * 86_400 * 1_000_000_000;
    first.start_time_unix_nano = began;
    first.end_time_unix_nano = began;
    let mut late = span("send mail");
    late.trace_id.clone_from(&first.trace_id);
    let id = hex(&first.trace_id);
    let mut events = Events::open(&server, &format!("?trace_id={id}")).await;
    server
        .send(Receiver::Native, &[span("GET /cart"), first])
        .await;
    let (_, data) = events.next().await.expect("is sent");
    assert_eq!(data["traces"].as_array().expect("a list").len(), 1);
    assert_eq!(data["traces"][0]["trace_id"], id);
    server.send(Receiver::Native, &[span("GET /cart")]).await;
    server.send(Receiver::Native, &[late]).await;
    let (_, data) = events.next().await.expect("is sent");
    assert_eq!(data["traces"][0]["span_count"], 2);
}

#[tokio::test]
async fn an_invalid_live_request_is_rejected() {
    let server = Server::start().await;
    for query in [
        "?limit=0",
        "?limit=9999",
        "?status=odd",
        "?after=1",
        "?nothing=1",
        "?trace_id=4bf9",
        "?trace_id=4bf92f3577b34da6a3ce929d0e0e4736&limit=1",
    ] {
        let answer = server.get(&format!("/api/admin/live{query}")).await;
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{query}");
    }
}

#[tokio::test]
async fn a_view_beyond_the_limit_gets_503_until_another_one_closes() {
    let server = Server::start().await;
    let mut open = Vec::new();
    for _ in 0..MAX_LIVE_VIEWS {
        open.push(Events::open(&server, "").await);
    }
    let refused = server.get("/api/admin/live").await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["retry-after"], "10");
    open.pop();
    for _ in 0..200 {
        if server.get("/api/admin/live").await.status() == StatusCode::OK {
            return;
        }
        // The server notices that a client has disconnected at its next write.
        server.send(Receiver::Native, &[span("work")]).await;
    }
    panic!("the place of the view that was closed is not free");
}

#[tokio::test]
async fn a_stopping_server_ends_its_live_streams() {
    let server = Server::start().await;
    let mut events = Events::open(&server, "").await;
    server.stop();
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn live_views_find_ids_that_are_numbers_and_arrays_by_their_text() {
    let server = Server::start().await;
    server.wait_until_ready().await;
    for query in [
        "?user=4711",
        "?session=815",
        "?attr.user.id=4711",
        "?attr.tags=red",
    ] {
        let mut events = Events::open(&server, query).await;
        let mut other = span("other");
        other.attributes = vec![text("user.id", "4712"), text("session.id", "816")];
        let mut sent = span("POST /pay");
        sent.attributes = vec![
            value("user.id", Any::IntValue(4_711)),
            value("session.id", Any::DoubleValue(815.0)),
            value(
                "tags",
                Any::ArrayValue(ArrayValue {
                    values: vec![AnyValue {
                        value: Some(Any::StringValue("red".to_owned())),
                    }],
                }),
            ),
        ];
        let answer = server
            .send(Receiver::OtlpProtobuf, &[other, sent.clone()])
            .await;
        assert_eq!(answer["rejected"], 0, "{query}");
        let (event, data) = events.next().await.expect("is sent");
        assert_eq!(event, "traces", "{query}");
        let ids = data["traces"].as_array().expect("a list");
        let ids: Vec<_> = ids.iter().map(|trace| &trace["trace_id"]).collect();
        assert_eq!(ids, [&hex(&sent.trace_id)], "{query}");
    }
}

fn value(key: &str, value: Any) -> KeyValue {
    let mut pair = text(key, "");
    pair.value = Some(AnyValue { value: Some(value) });
    pair
}
