//! Tests the tracing of the shop: a request and the job it queued are one trace.

#[expect(dead_code, reason = "each test binary uses a part of it")]
mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::http::Method;
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use support::{Browser, fresh_shop};
use throughline_shop::worker::Outcome;
use tracing_subscriber::prelude::*;

type Spans = Arc<Mutex<Vec<Value>>>;

/// Starts a server that accepts batches of spans like Throughline, and collects the spans.
async fn start_collector() -> (String, Spans) {
    async fn take(State(spans): State<Spans>, Json(batch): Json<Value>) -> Json<Value> {
        let new = batch["spans"].as_array().cloned().unwrap_or_default();
        let answer = json!({ "received": new.len(), "duplicate": 0, "rejected": [] });
        spans.lock().expect("no panic").extend(new);
        Json(answer)
    }
    let spans = Spans::default();
    let app = Router::new()
        .route("/api/trace-log", post(take))
        .with_state(spans.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(axum::serve(listener, app).into_future());
    (address, spans)
}

fn children<'a>(spans: &'a [Value], parent: &Value) -> Vec<&'a Value> {
    spans
        .iter()
        .filter(|span| span["parent_span_id"] == parent["span_id"])
        .collect()
}

fn named<'a>(spans: &[&'a Value], name: &str) -> Vec<&'a Value> {
    spans
        .iter()
        .filter(|span| span["name"] == name)
        .copied()
        .collect()
}

#[tokio::test]
async fn a_request_its_statements_and_each_attempt_at_its_job_are_one_trace() {
    let (address, collected) = start_collector().await;
    let tracer = throughline::Tracer::builder("shop")
        .endpoint(address)
        .build()
        .expect("a tracer");
    tracing_subscriber::registry().with(tracer.layer()).init();

    let shop = fresh_shop().await;
    shop.next_order_is(3).await;
    let mut browser = Browser::of(&shop);
    browser.put_in_cart(1, 1).await;
    let form = json!({ "name": "Ada", "email": "ada@example.test" });
    browser
        .send(Method::POST, "/api/orders", form.clone())
        .await;
    assert_eq!(shop.work().await, Some(Outcome::Retry));
    shop.make_jobs_due().await;
    assert_eq!(shop.work().await, Some(Outcome::Done));

    browser.put_in_cart(1, 13).await;
    browser.send(Method::POST, "/api/orders", form).await;
    tracer.flush(Duration::from_secs(10)).await;

    let spans = collected.lock().expect("no panic").clone();
    let requests = named(&spans.iter().collect::<Vec<_>>(), "POST /api/orders");
    let [good, bad] = requests[..] else {
        panic!("two orders, not {}", requests.len())
    };

    assert_eq!(good["attributes"]["user.id"], "ada@example.test");
    let below = children(&spans, good);
    for statement in [
        "SELECT cart_items",
        "INSERT orders",
        "UPDATE stock",
        "DELETE cart_items",
    ] {
        assert_eq!(named(&below, statement).len(), 1, "{statement}");
    }
    let queueing = named(&below, "queue send-confirmation")[0];
    let attempts = named(&children(&spans, queueing), "process send-confirmation");
    assert_eq!(attempts.len(), 2);
    for (attempt, number) in attempts.iter().zip(1..) {
        assert_eq!(attempt["attributes"]["throughline.job.attempt"], number);
        assert_eq!(attempt["trace_id"], good["trace_id"]);
        assert_eq!(named(&children(&spans, attempt), "UPDATE jobs").len(), 1);
    }
    assert_eq!(attempts[0]["status"]["code"], "error");
    assert!(
        attempts[0]["status"]["message"]
            .to_string()
            .contains("greylisted")
    );
    assert_ne!(attempts[1]["status"]["code"], "error");

    assert_eq!(bad["status"]["code"], "error");
    assert!(
        bad.to_string().contains("order_items_at_most_a_dozen"),
        "the admin reads the rule"
    );
}
