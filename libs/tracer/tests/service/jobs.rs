//! Tests that a trace continues in a background job.

use std::time::{Duration, UNIX_EPOCH};

use axum::http::Request;
use axum::routing::post;
use axum::{Router, body::Body};
use throughline::axum::TraceLayer;
use throughline::wire::{AttributeValue, SpanKind, semconv};
use throughline::{Carrier, enqueue};
use tower::ServiceExt;
use tracing::{Instrument, info_span};

use super::{Traced, assert_child, named};

#[tokio::test]
async fn a_job_is_part_of_the_trace_that_queued_it() {
    let traced = Traced::new();
    let (queue, mut rows) = tokio::sync::mpsc::unbounded_channel::<String>();
    let app = Router::new()
        .route(
            "/orders",
            post(|| async move {
                let span = enqueue("send-confirmation").queue("jobs").start();
                async {
                    let row = serde_json::to_string(&Carrier::current()).expect("JSON");
                    queue.send(row).expect("a queue");
                }
                .instrument(span)
                .await;
            }),
        )
        .layer(TraceLayer::new());
    let request = Request::post("/orders")
        .header("tracestate", "congo=t61rcWkgMzE")
        .header(
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        )
        .header("baggage", "user.id=ada")
        .body(Body::empty())
        .expect("a request");
    app.oneshot(request).await.expect("an answer");

    let row = rows.recv().await.expect("a row");
    let carrier: Carrier = serde_json::from_str(&row).expect("JSON");
    let job = carrier
        .job("send-confirmation")
        .queue("jobs")
        .system("postgresql")
        .id(17)
        .attempt(2, 5)
        .queued_at(UNIX_EPOCH + Duration::from_secs(1_700_000_000))
        .start();
    async { info_span!("mail").in_scope(|| ()) }
        .instrument(job)
        .await;

    let spans = traced.spans().await;
    for span in &spans {
        // Spans of the application have a source location, spans of the library have none.
        let is_own = span.name != "mail";
        for key in [semconv::CODE_FILE_PATH, semconv::CODE_LINE_NUMBER] {
            assert_eq!(span.attributes.get(key).is_none(), is_own, "{}", span.name);
        }
    }
    let request = named(&spans, "POST /orders");
    let queued = named(&spans, "queue send-confirmation");
    let job = named(&spans, "process send-confirmation");
    assert_child(queued, request);
    assert_eq!(queued.kind, SpanKind::Producer);
    assert_child(job, queued);
    assert_child(named(&spans, "mail"), job);
    assert_eq!(job.kind, SpanKind::Consumer);
    assert_eq!(job.trace_state, "congo=t61rcWkgMzE");
    for (key, value) in [
        (semconv::JOB_NAME, "send-confirmation".into()),
        (semconv::MESSAGING_OPERATION_TYPE, "process".into()),
        (semconv::MESSAGING_DESTINATION_NAME, "jobs".into()),
        (semconv::MESSAGING_SYSTEM, "postgresql".into()),
        (semconv::MESSAGING_MESSAGE_ID, "17".into()),
        (semconv::JOB_ATTEMPT, AttributeValue::Int(2)),
        (semconv::JOB_MAX_ATTEMPTS, AttributeValue::Int(5)),
        (semconv::USER_ID, "ada".into()),
    ] {
        assert_eq!(job.attributes.get(key), Some(&value), "{key}");
    }
    let wait = job.attributes.get(semconv::JOB_QUEUE_WAIT_NS);
    assert_eq!(
        wait.and_then(AttributeValue::as_int)
            .map(|wait| wait / 1_000_000_000),
        Some((job.start.get() - 1_700_000_000_000_000_000) / 1_000_000_000)
    );
}

#[tokio::test]
async fn a_job_with_an_empty_carrier_begins_a_trace() {
    let traced = Traced::new();
    for (name, row) in [
        ("empty", "{}"),
        (
            "garbage",
            r#"{"traceparent":"00-zz","tracestate":"congo=1"}"#,
        ),
        ("more", r#"{"baggage":"user.id=ada","unknown":1}"#),
    ] {
        let carrier: Carrier = serde_json::from_str(row).expect("JSON");
        assert_eq!(carrier.context(), None);
        drop(carrier.job(name).start());
    }
    let spans = traced.spans().await;
    assert!(
        spans
            .iter()
            .all(|span| span.parent_span_id.is_none() && span.trace_state.is_empty())
    );
    let more = named(&spans, "process more");
    assert_eq!(more.attributes.get_str(semconv::USER_ID), Some("ada"));
    assert_eq!(spans.len(), 3);
}

#[tokio::test]
async fn a_span_continues_a_carrier_without_leaking_it_to_the_next_span() {
    let traced = Traced::new();
    let carrier = info_span!("origin").in_scope(Carrier::current);
    drop(carrier.continue_in(|| info_span!("import", file = "prices.csv")));
    // The span is filtered out, and no later span may take its seed.
    drop(carrier.continue_in(|| tracing::debug_span!("too detailed")));
    drop(info_span!("unrelated"));
    let spans = traced.spans().await;
    assert_child(named(&spans, "import"), named(&spans, "origin"));
    assert_eq!(named(&spans, "import").flags, 0x303);
    assert_eq!(named(&spans, "unrelated").parent_span_id, None);
}
