//! Tests of the axum layer in a real server.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::{Request, StatusCode};
use axum::response::sse::{Event, Sse};
use axum::routing::get;
use futures::{FutureExt, stream};
use throughline::axum::TraceLayer;
use throughline::wire::{self, AttributeValue, SpanKind, semconv};
use throughline::{Mode, record};
use tower::ServiceExt;
use tracing::{Instrument, info_span};

use super::{Traced, assert_child, named};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03";

fn app() -> Router {
    Router::new()
        .route(
            "/products/{id}",
            get(|Path(id): Path<String>| async move {
                async { record("shop.product", id) }
                    .instrument(info_span!("look up"))
                    .await;
                "a product"
            }),
        )
        .route("/broken", get(|| async { StatusCode::SERVICE_UNAVAILABLE }))
        .route("/panic", get(panics))
        .route("/never", get(std::future::pending::<()>))
        .route(
            "/slow-body",
            get(|| async { Body::from_stream(slow_body()) }),
        )
        .route(
            "/events",
            get(|| async { Sse::new(stream::pending::<Result<Event, Infallible>>()) }),
        )
        .route("/healthz", get(|| async {}))
        .layer(TraceLayer::new().skip("/healthz"))
}

async fn panics() {
    panic!("on purpose");
}

fn slow_body() -> impl stream::Stream<Item = Result<Bytes, Infallible>> + Send {
    stream::once(async {
        info_span!("while streaming").in_scope(|| ());
        Ok(Bytes::from_static(b"content"))
    })
}

/// Returns the base address of [`app`], which runs on the runtime of the test.
async fn serve() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    let app = app().into_make_service_with_connect_info::<std::net::SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

/// Returns an HTTP client. Other crates of the build enable rustls without a provider, so reqwest
/// needs an installed one, even for plain HTTP.
fn client() -> reqwest::Client {
    // A second installation fails, which does not matter.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

#[tokio::test]
async fn a_request_continues_the_trace_of_its_caller() {
    let traced = Traced::new();
    let base = serve().await;
    let response = client()
        .get(format!("{base}/products/7?q=s3cret&page=2"))
        .header("traceparent", PARENT)
        .header("tracestate", "congo=t61rcWkgMzE")
        .header("baggage", "session.id=s-1,user.id=ada%20l,other=x")
        .header("x-request-id", "req-9")
        .header("user-agent", "test/1")
        .header("authorization", "Bearer s3cret")
        .header("cookie", "s3cret")
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["x-request-id"], "req-9");
    let timing = response.headers()["server-timing"]
        .to_str()
        .expect("text")
        .to_owned();
    assert_eq!(response.text().await.expect("a body"), "a product");

    let spans = traced.spans().await;
    let server = named(&spans, "GET /products/{id}");
    assert_eq!(server.trace_id.to_string(), TRACE);
    let parent = server.parent_span_id.expect("a parent");
    assert_eq!(parent.to_string(), "00f067aa0ba902b7");
    assert_eq!(server.kind, SpanKind::Server);
    assert_eq!(server.flags, 0x303);
    assert_eq!(server.trace_state, "congo=t61rcWkgMzE");
    let expected = format!("traceparent;desc=\"00-{TRACE}-{}-03\"", server.span_id);
    assert_eq!(timing, expected);
    let port = base
        .rsplit(':')
        .next()
        .and_then(|port| port.parse::<i64>().ok());
    for (key, value) in [
        (semconv::HTTP_REQUEST_METHOD, "GET".into()),
        (semconv::HTTP_ROUTE, "/products/{id}".into()),
        (semconv::HTTP_RESPONSE_STATUS_CODE, AttributeValue::Int(200)),
        (semconv::URL_PATH, "/products/7".into()),
        (semconv::URL_QUERY, "q=REDACTED&page=REDACTED".into()),
        (semconv::URL_SCHEME, "http".into()),
        (semconv::SERVER_ADDRESS, "127.0.0.1".into()),
        (semconv::SERVER_PORT, port.expect("a port").into()),
        (semconv::NETWORK_PROTOCOL_VERSION, "1.1".into()),
        (semconv::USER_AGENT_ORIGINAL, "test/1".into()),
        (semconv::CLIENT_ADDRESS, "127.0.0.1".into()),
        (semconv::REQUEST_ID, "req-9".into()),
        (semconv::SESSION_ID, "s-1".into()),
        (semconv::USER_ID, "ada l".into()),
    ] {
        assert_eq!(server.attributes.get(key), Some(&value), "{key}");
    }
    let inner = named(&spans, "look up");
    assert_child(inner, server);
    assert_eq!(inner.attributes.get_str("shop.product"), Some("7"));
    assert_eq!(inner.trace_state, "congo=t61rcWkgMzE");
    let sent = serde_json::to_string(&spans).expect("JSON");
    assert!(!sent.contains("s3cret"), "{sent}");
}

#[tokio::test]
async fn a_request_without_a_readable_parent_begins_a_trace() {
    let traced = Traced::new();
    let base = serve().await;
    for parents in [&[][..], &["garbage"], &[PARENT, PARENT]] {
        let mut request = client().get(format!("{base}/products/1"));
        for parent in parents {
            request = request.header("traceparent", *parent);
        }
        request.send().await.expect("an answer");
    }
    let spans = traced.spans().await;
    let mut servers = spans.iter().filter(|span| span.kind == SpanKind::Server);
    assert!(servers.clone().all(|span| span.parent_span_id.is_none()));
    assert!(servers.all(|span| span.trace_id.to_string() != TRACE));
    assert_eq!(spans.len(), 6);
}

#[tokio::test]
async fn a_request_of_an_unsampled_trace_is_not_recorded() {
    let traced = Traced::with(|builder| builder.mode(Mode::Dev));
    let base = serve().await;
    let response = client()
        .get(format!("{base}/products/1"))
        .header("traceparent", format!("{}00", &PARENT[..53]))
        .send()
        .await
        .expect("an answer");
    let timing = response.headers()["server-timing"].to_str().expect("text");
    assert!(
        timing.contains(TRACE) && timing.ends_with("-00\""),
        "{timing}"
    );
    assert!(traced.spans().await.is_empty());
}

#[tokio::test]
async fn a_server_error_sets_the_span_status() {
    let traced = Traced::new();
    let base = serve().await;
    let client = client();
    for path in ["/broken", "/panic", "/nowhere", "/healthz"] {
        let _ = client.get(format!("{base}{path}")).send().await;
    }
    let spans = traced.spans().await;
    let broken = named(&spans, "GET /broken");
    assert_eq!(broken.status.code, wire::StatusCode::Error);
    assert_eq!(broken.attributes.get_str(semconv::ERROR_TYPE), Some("503"));
    let panic = named(&spans, "GET /panic");
    assert_eq!(panic.status.message, "the handler panicked");
    // Without a route, the name is only the method: a scanner must not create a thousand
    // operations.
    let nowhere = named(&spans, "GET");
    assert_eq!(nowhere.status.code, wire::StatusCode::Unset);
    assert_eq!(
        nowhere.attributes.get(semconv::HTTP_RESPONSE_STATUS_CODE),
        Some(&404.into())
    );
    assert_eq!(spans.len(), 3, "the skipped path has no span");
}

#[tokio::test]
async fn a_panic_of_the_handler_is_an_error() {
    let traced = Traced::new();
    let request = Request::get("/panic")
        .body(Body::empty())
        .expect("a request");
    let caught = AssertUnwindSafe(app().oneshot(request)).catch_unwind();
    caught.await.expect_err("a panic");
    let spans = traced.spans().await;
    let span = named(&spans, "GET /panic");
    assert_eq!(span.status.message, "the handler panicked");
}

#[tokio::test]
async fn a_cancelled_request_is_marked() {
    let traced = Traced::new();
    let request = Request::get("/never")
        .body(Body::empty())
        .expect("a request");
    let mut pending = Box::pin(app().oneshot(request));
    assert!(futures::poll!(&mut pending).is_pending());
    drop(pending);
    let spans = traced.spans().await;
    let span = named(&spans, "GET /never");
    assert_eq!(span.events[0].name, "request cancelled");
    assert_eq!(span.status.code, wire::StatusCode::Unset);
}

#[tokio::test]
async fn the_span_lasts_until_the_body_has_been_sent() {
    let traced = Traced::new();
    let request = Request::get("/slow-body")
        .body(Body::empty())
        .expect("a request");
    let response = app().oneshot(request).await.expect("an answer");
    assert!(traced.spans().await.is_empty(), "the body is still to come");
    axum::body::to_bytes(response.into_body(), 100)
        .await
        .expect("a body");
    let spans = traced.spans().await;
    assert_child(
        named(&spans, "while streaming"),
        named(&spans, "GET /slow-body"),
    );
}

#[tokio::test]
async fn the_span_of_an_event_stream_ends_with_the_headers() {
    let traced = Traced::new();
    let request = Request::get("/events")
        .body(Body::empty())
        .expect("a request");
    let response = app().oneshot(request).await.expect("an answer");
    assert_eq!(
        named(&traced.spans().await, "GET /events").kind,
        SpanKind::Server
    );
    drop(response);
    assert_eq!(traced.spans().await.len(), 1);
}

#[tokio::test]
async fn requests_are_served_without_a_tracer() {
    let base = serve().await;
    let request = client().get(format!("{base}/products/1"));
    let response = request
        .timeout(Duration::from_secs(30))
        .send()
        .await
        .expect("an answer");
    assert_eq!(response.status(), 200);
    assert!(response.headers().get("server-timing").is_none());
}
