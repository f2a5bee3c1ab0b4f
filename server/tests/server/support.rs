//! A server in this process on a fresh database.

mod sent;

use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use opentelemetry_proto::tonic::trace::v1::Span;
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use throughline_app::ServerInfo;
use throughline_model::{RetentionRules, StorageGauge};
use throughline_server::clock::Clock;
use throughline_server::ingest::{BodyLimits, Ingest};
use throughline_server::listen::{self, Protocol};
use throughline_server::live::Live;
use throughline_server::panel::Panel;
use throughline_server::readiness::Readiness;
use throughline_server::router::{AppState, grpc_router, otlp_router, router};
use throughline_store::testing::{FreshDatabase, count, count_spans, execute};
use throughline_store::{Store, StoreOptions};
use throughline_wire::Limits;
use throughline_wire::TenantId;
use tokio::sync::watch;

pub(crate) use self::sent::{Coding, Receiver, hex, request, span, text};

/// The largest body in these tests, in bytes.
pub(crate) const BODY_LIMIT: usize = 6 << 20;
/// The most live views in these tests.
pub(crate) const MAX_LIVE_VIEWS: usize = 8;
/// The timeout of a body in these tests.
pub(crate) const TIMEOUT: Duration = Duration::from_millis(500);

/// A server and its database. Dropping the value removes both.
pub(crate) struct Server {
    pub(crate) base: String,
    /// The base URL of the port for OTLP/HTTP alone.
    pub(crate) otlp: String,
    /// The base URL of OTLP/gRPC.
    pub(crate) grpc: String,
    pub(crate) client: Client,
    pub(crate) store: Arc<Store>,
    stop: watch::Sender<bool>,
    database: Option<FreshDatabase>,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let database = FreshDatabase::create().await;
        let url = database.url().to_owned();
        let server = Self::start_on(&url, Some(database)).await;
        // Waits for the database. A connection that is still opening when the database is dropped
        // would delay the drop for as long as Postgres waits for a login: a minute.
        while server.get("/readyz").await.status() != StatusCode::OK {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        server
    }

    /// Starts a server whose queue is full: one batch waits for a commit that cannot happen.
    pub(crate) async fn overloaded() -> Self {
        let database = FreshDatabase::create().await;
        let url = database.url().to_owned();
        let server = Self::start_with(&url, Some(database), 1).await;
        server.wait_until_ready().await;
        let locked = url.clone();
        tokio::spawn(async move {
            let lock = "BEGIN; LOCK TABLE traces IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(600)";
            execute(&locked, lock).await;
        });
        let locks = "SELECT count(*) FROM pg_locks WHERE relation = 'traces'::regclass \
                     AND mode = 'AccessExclusiveLock' AND granted";
        while count(&url, locks).await == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // One of the two waits and the other is refused, in either order.
        let post = || {
            let request = server.client.post(server.url(Receiver::Native.path()));
            let request = request.header("content-type", Receiver::Native.content_type());
            tokio::spawn(
                request
                    .body(Receiver::Native.body(&[span("one of two")]))
                    .send(),
            )
        };
        let refused = tokio::select! {
            answer = post() => answer,
            answer = post() => answer,
        };
        let refused = refused.expect("runs").expect("answers");
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        server
    }

    /// Starts a server on a database that need not exist.
    pub(crate) async fn start_on(url: &str, database: Option<FreshDatabase>) -> Self {
        Self::start_with(url, database, 64 << 20).await
    }

    async fn start_with(url: &str, database: Option<FreshDatabase>, queue_bytes: usize) -> Self {
        let clock = Clock::system();
        let now = clock.clone();
        let options = StoreOptions {
            acquire_timeout: Duration::from_millis(500),
            queue_bytes,
            ..StoreOptions::new(move || now.now())
        };
        let store = Arc::new(Store::connect_lazy(url, options).expect("a URL"));
        let readiness = Readiness::migrate(Arc::clone(&store));
        let bodies = BodyLimits::new(BODY_LIMIT, 64 << 20).with_timeout(TIMEOUT);
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let listener = listen::bind(([127, 0, 0, 1], 0).into(), "--addr")
            .await
            .expect("a port");
        let base = format!("http://{}", listener.local_addr().expect("bound"));
        let otlp_listener = listen::bind(([127, 0, 0, 1], 0).into(), "--otlp-addr")
            .await
            .expect("a port");
        let otlp = format!("http://{}", otlp_listener.local_addr().expect("bound"));
        let grpc_listener = listen::bind(([127, 0, 0, 1], 0).into(), "--otlp-grpc-addr")
            .await
            .expect("a port");
        let grpc = format!("http://{}", grpc_listener.local_addr().expect("bound"));
        let (stop, stopping) = watch::channel(false);
        let feed = store.live(TenantId::DEFAULT);
        let state = AppState {
            live: Live::new(
                feed,
                store.reader(TenantId::DEFAULT),
                clock.clone(),
                stopping.clone(),
            )
            .with_max_views(MAX_LIVE_VIEWS),
            ingest: Ingest::new(
                store.writer(),
                readiness.clone(),
                clock.clone(),
                Limits::default(),
                bodies,
            ),
            panel: Panel {
                reader: store.reader(TenantId::DEFAULT),
                retention_admin: store.retention_admin(
                    TenantId::DEFAULT,
                    RetentionRules::default(),
                    Arc::new(StorageGauge::default),
                ),
                clock,
                server: ServerInfo {
                    endpoint: base.clone(),
                    otlp_endpoint: base.clone(),
                    otlp_grpc_endpoint: None,
                    zipkin_endpoint: None,
                },
            },
            ready: {
                let store = Arc::clone(&store);
                Arc::new(move || {
                    let (store, readiness) = (Arc::clone(&store), readiness.clone());
                    Box::pin(async move { readiness.check(&store, None).await })
                })
            },
            metrics: Arc::new(move || metrics.render()),
        };
        let otlp_app = otlp_router(state.ingest.clone());
        tokio::spawn(listen::serve(
            otlp_listener,
            Protocol::Http1,
            otlp_app,
            stopping.clone(),
        ));
        let grpc_app = grpc_router(state.ingest.clone());
        tokio::spawn(listen::serve(
            grpc_listener,
            Protocol::Grpc,
            grpc_app,
            stopping.clone(),
        ));
        tokio::spawn(listen::serve(
            listener,
            Protocol::Http1,
            router(state),
            stopping,
        ));
        Self {
            base,
            otlp,
            grpc,
            client: client(),
            store,
            stop,
            database,
        }
    }

    /// Returns the URL of its own database.
    pub(crate) fn database_url(&self) -> &str {
        self.database.as_ref().expect("made for it").url()
    }

    /// Returns the number of spans in its database.
    pub(crate) async fn stored_spans(&self) -> u64 {
        let database = self.database.as_ref().expect("a database of its own");
        count_spans(database.url()).await.unsigned_abs()
    }

    /// Makes the server stop, as a signal does.
    pub(crate) fn stop(&self) {
        self.stop.send_replace(true);
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.client
            .get(self.url(path))
            .send()
            .await
            .expect("answers")
    }

    pub(crate) async fn get_json(&self, path: &str) -> Value {
        let response = self.get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.json().await.expect("JSON")
    }

    pub(crate) async fn post(&self, receiver: Receiver, body: Vec<u8>) -> Response {
        self.client
            .post(self.url(receiver.path()))
            .header("content-type", receiver.content_type())
            .body(body)
            .send()
            .await
            .expect("answers")
    }

    /// Sends spans and returns the response body.
    pub(crate) async fn send(&self, receiver: Receiver, spans: &[Span]) -> Value {
        let response = self.post(receiver, receiver.body(spans)).await;
        let status = response.status();
        let bytes = response.bytes().await.expect("a body");
        assert_eq!(
            status,
            StatusCode::OK,
            "{receiver:?}: {}",
            String::from_utf8_lossy(&bytes)
        );
        receiver.read_answer(&bytes)
    }

    /// Returns the stored trace in the form of the API.
    pub(crate) async fn trace(&self, span: &Span) -> Value {
        self.get_json(&format!("/api/admin/traces/{}", hex(&span.trace_id)))
            .await
    }

    pub(crate) async fn wait_until_ready(&self) {
        for _ in 0..300 {
            if self.get("/readyz").await.status() == StatusCode::OK {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("not ready within 30 s");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

/// Returns a client. It needs a TLS provider although no test uses TLS.
pub(crate) fn client() -> Client {
    // This fails if another test of this process was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::new()
}

/// Reads `url`.
pub(crate) async fn fetch(url: String) -> reqwest::Result<Response> {
    client().get(url).send().await
}

/// Returns the sum of the samples of a metric whose lines contain all `labels`.
pub(crate) async fn metric(base: &str, name: &str, labels: &[&str]) -> u64 {
    let answer = fetch(format!("{base}/metrics")).await.expect("answers");
    let text = answer.text().await.expect("text");
    text.lines()
        .filter(|line| line.starts_with(name) && labels.iter().all(|label| line.contains(label)))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
        .sum::<f64>() as u64
}
