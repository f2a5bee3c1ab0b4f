//! Tests of pins, clean-up, rollups and sizes over HTTP, and of the scheduled jobs.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use throughline_model::RetentionRules;
use throughline_server::clock::Clock;
use throughline_server::readiness::Readiness;
use throughline_server::tasks::{StorageLimits, TaskOptions, Tasks};
use throughline_store::testing::{FreshDatabase, execute};
use throughline_store::{JobKind, Store, StoreOptions};
use tokio::sync::watch;

use crate::support::{Receiver, Server, hex, span};

async fn call(server: &Server, method: Method, path: &str, body: Option<Value>) -> Response {
    let request = server.client.request(method, server.url(path));
    let request = match body {
        Some(body) => request.json(&body),
        None => request,
    };
    request.send().await.expect("answers")
}

#[tokio::test]
async fn a_trace_is_pinned_listed_and_unpinned() {
    let server = Server::start().await;
    let sent = span("GET /");
    server
        .send(Receiver::Native, std::slice::from_ref(&sent))
        .await;
    let path = format!("/api/admin/traces/{}/pin", hex(&sent.trace_id));
    let note = json!({"note": "the slow one"});
    let pinned = call(&server, Method::PUT, &path, Some(note)).await;
    assert_eq!(pinned.status(), StatusCode::OK);
    let pins = server.get_json("/api/admin/pins").await;
    assert_eq!(pins[0]["trace_id"], hex(&sent.trace_id));
    assert_eq!(pins[0]["note"], "the slow one");
    let listed = server.get_json("/api/admin/traces?pinned=true").await;
    assert_eq!(listed["items"][0]["is_pinned"], true);
    let unpinned = call(&server, Method::DELETE, &path, None).await;
    assert_eq!(unpinned.status(), StatusCode::NO_CONTENT);
    let again = call(&server, Method::DELETE, &path, None).await;
    assert_eq!(again.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_cross_origin_page_cannot_pin_through_the_panel() {
    let server = Server::start().await;
    let sent = span("GET /");
    server
        .send(Receiver::Native, std::slice::from_ref(&sent))
        .await;
    let ask = |origin: String| {
        let url = server.url("/api/panel/pin_trace");
        let body = json!({"trace_id": hex(&sent.trace_id), "note": " why "});
        let request = server.client.post(url).json(&body);
        request.header("origin", origin).send()
    };
    let foreign = ask("http://evil.test".to_owned()).await.expect("answers");
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    assert_eq!(server.get_json("/api/admin/pins").await, json!([]));
    let own = ask(server.base.clone()).await.expect("answers");
    assert_eq!(own.status(), StatusCode::OK);
    let pins = server.get_json("/api/admin/pins").await;
    assert_eq!(pins[0]["trace_id"], hex(&sent.trace_id));
    assert_eq!(pins[0]["note"], "why");
}

#[tokio::test]
async fn invalid_pins_and_retention_runs_get_a_problem_document() {
    let server = Server::start().await;
    let unknown = "/api/admin/traces/4bf92f3577b34da6a3ce929d0e0e4736/pin";
    let long = json!({"note": "x".repeat(1_001)});
    let misspelt = json!({"notes": "x"});
    for (method, path, body, status) in [
        (Method::PUT, unknown, None, StatusCode::NOT_FOUND),
        (Method::PUT, unknown, Some(long), StatusCode::BAD_REQUEST),
        (
            Method::PUT,
            unknown,
            Some(misspelt),
            StatusCode::BAD_REQUEST,
        ),
        (
            Method::DELETE,
            "/api/admin/traces/cleanup?older_than=soon",
            None,
            StatusCode::BAD_REQUEST,
        ),
        (
            Method::DELETE,
            "/api/admin/traces/cleanup?dry-run=true",
            None,
            StatusCode::BAD_REQUEST,
        ),
        (
            Method::GET,
            "/api/admin/rollups?window=2h",
            None,
            StatusCode::BAD_REQUEST,
        ),
    ] {
        let answer = call(&server, method, path, body).await;
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
    }
}

#[tokio::test]
async fn a_retention_run_over_http_supports_a_dry_run() {
    let server = Server::start().await;
    let mut old = span("old");
    old.start_time_unix_nano -= 3 * 86_400_000_000_000;
    old.end_time_unix_nano -= 3 * 86_400_000_000_000;
    server.send(Receiver::Native, &[old.clone()]).await;
    server.send(Receiver::Native, &[span("new")]).await;
    // Makes the old trace look as if it arrived when it ended.
    let sql = "UPDATE traces SET received_ns = end_ns";
    execute(server.database_url(), sql).await;
    let path = "/api/admin/traces/cleanup?older_than=2d";
    let dry = call(
        &server,
        Method::DELETE,
        &format!("{path}&dry_run=true"),
        None,
    )
    .await;
    let dry: Value = dry.json().await.expect("JSON");
    assert_eq!(
        (&dry["is_dry_run"], &dry["ok"]["trace_count"]),
        (&json!(true), &json!(1))
    );
    server.trace(&old).await;
    let wet = call(&server, Method::DELETE, path, None).await;
    let wet: Value = wet.json().await.expect("JSON");
    assert_eq!(wet["ok"], dry["ok"]);
    let gone = server
        .get(&format!("/api/admin/traces/{}", hex(&old.trace_id)))
        .await;
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
    let left = server.get_json("/api/admin/traces?range=7d").await;
    assert_eq!(left["total"]["count"], 1);
}

#[tokio::test]
async fn rollups_and_sizes_are_read_over_http() {
    let server = Server::start().await;
    server
        .send(Receiver::Native, &[span("GET /"), span("GET /")])
        .await;
    let rollups = server
        .get_json("/api/admin/rollups?range=2h&group=operation&service=shop")
        .await;
    assert_eq!(rollups["items"][0]["operation"], "GET /");
    assert_eq!(rollups["items"][0]["span_count"], 2);
    assert_eq!(rollups["items"][0]["max_ns"], 1_000_000_000);
    let storage = server.get_json("/api/admin/storage").await;
    assert!(storage["gauge"]["used_bytes"].as_u64().expect("a size") > 1_000_000);
    assert!(storage["tables"].as_array().expect("tables").len() > 5);
}

#[tokio::test]
async fn every_receiver_gives_503_without_space_and_reads_work() {
    let server = Server::start().await;
    let stored = span("before");
    server
        .send(Receiver::Native, std::slice::from_ref(&stored))
        .await;
    server.store.set_full(true);
    for receiver in Receiver::ALL {
        let refused = server.post(receiver, receiver.body(&[span("more")])).await;
        assert_eq!(
            refused.status(),
            StatusCode::SERVICE_UNAVAILABLE,
            "{receiver:?}"
        );
        assert!(refused.headers().contains_key("retry-after"));
    }
    server.trace(&stored).await;
}

/// The store and the tasks of a second server on the same database.
struct Other {
    store: Arc<Store>,
    stop: watch::Sender<bool>,
    tasks: Tasks,
}

impl Other {
    fn start(database: &FreshDatabase, budget_bytes: Option<u64>) -> Self {
        let clock = Clock::system();
        let now = clock.clone();
        let options = StoreOptions::new(move || now.now());
        let store = Arc::new(database.store_with(options));
        let (stop, stopping) = watch::channel(false);
        let options = TaskOptions {
            rules: RetentionRules::default(),
            limits: StorageLimits {
                budget_bytes,
                reserve_bytes: 0,
            },
            data_dir: None,
        };
        let tasks = Tasks::start(
            &store,
            &Readiness::migrate(Arc::clone(&store)),
            clock,
            options,
            &stopping,
        );
        Self { store, stop, tasks }
    }

    async fn stop(self) {
        self.stop.send_replace(true);
        self.tasks.ended().await;
        self.store.close().await;
    }
}

/// Waits until a server leads the job. Releases the lock when this test gets it first.
async fn wait_until_taken(store: &Store) {
    while let Some(lock) = store.try_lead(JobKind::Compact).await.expect("asks") {
        lock.release().await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn one_server_leads_a_job_and_another_takes_over_when_it_stops() {
    let database = FreshDatabase::create().await;
    let first = Other::start(&database, None);
    wait_until_taken(&first.store).await;
    let second = Other::start(&database, None);
    // No other request gets the lock now.
    assert!(
        second
            .store
            .try_lead(JobKind::Compact)
            .await
            .expect("asks")
            .is_none()
    );
    first.stop().await;
    wait_until_taken(&second.store).await;
    second.stop().await;
    let third = Other::start(&database, None);
    wait_until_taken(&third.store).await;
    third.stop().await;
}

#[tokio::test]
async fn a_server_over_its_storage_budget_is_full() {
    let database = FreshDatabase::create().await;
    let server = Other::start(&database, Some(1));
    server.tasks.storage().measure().await;
    let level = server.tasks.storage().gauge().level();
    assert_eq!(level, throughline_model::StorageLevel::Full);
    let warning = server.tasks.storage().warning().expect("a warning");
    for part in ["ingest responds 503", "raise --storage-budget", "other "] {
        assert!(warning.contains(part), "{part} is missing in {warning}");
    }
    server.stop().await;
}
