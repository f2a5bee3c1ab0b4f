//! A server in this process on a fresh database, and spans to send to it in every form.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use flate2::{Compression, write::GzEncoder};
use metrics_exporter_prometheus::PrometheusBuilder;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value as Any};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
use prost::Message as _;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use throughline_app::ServerInfo;
use throughline_model::{RetentionRules, StorageGauge};
use throughline_server::clock::Clock;
use throughline_server::ingest::{BodyLimits, Ingest};
use throughline_server::listen::{self, Protocol};
use throughline_server::live::Live;
use throughline_server::panel::Panel;
use throughline_server::readiness::Readiness;
use throughline_server::router::{AppState, grpc_router, otlp_router, router};
use throughline_store::testing::{FreshDatabase, count, execute};
use throughline_store::{Store, StoreOptions};
use throughline_wire::TenantId;
use throughline_wire::validate::Limits;
use tokio::sync::watch;

/// What one body may hold in these tests.
pub(crate) const BODY_LIMIT: usize = 6 << 20;
/// How many live views there may be in these tests.
pub(crate) const LIVE_PLACES: usize = 2;
/// How long a body may take in these tests.
pub(crate) const PATIENCE: Duration = Duration::from_millis(500);

/// A server and its database; both go with it.
pub(crate) struct Server {
    pub(crate) base: String,
    /// Where OTLP/HTTP alone is.
    pub(crate) otlp: String,
    /// Where OTLP/gRPC is.
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
        // A connection that is still being made when the database is dropped would hold that up
        // for as long as Postgres waits for a login: a minute.
        while server.get("/readyz").await.status() != StatusCode::OK {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        server
    }

    /// A server whose queue is full: one batch waits for a commit that cannot happen.
    pub(crate) async fn overloaded() -> Self {
        let database = FreshDatabase::create().await;
        let url = database.url().to_owned();
        let server = Self::start_with(&url, Some(database), 1).await;
        server.wait_until_ready().await;
        let locked = url.clone();
        tokio::spawn(async move {
            let lock = "BEGIN; LOCK TABLE spans IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(600)";
            execute(&locked, lock).await;
        });
        let locks = "SELECT count(*) FROM pg_locks WHERE relation = 'spans'::regclass \
                     AND mode = 'AccessExclusiveLock' AND granted";
        while count(&url, locks).await == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Of two, one waits and the other is refused, whichever comes first.
        let post = || {
            let request = server.client.post(server.url(Door::Native.path()));
            let request = request.header("content-type", Door::Native.content_type());
            tokio::spawn(
                request
                    .body(Door::Native.body(&[span("one of two")]))
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

    /// A server on a database that need not be there.
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
        let bodies = BodyLimits::new(BODY_LIMIT, 64 << 20).with_patience(PATIENCE);
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
            live: Live::new(feed, clock.clone(), stopping.clone()).with_places(LIVE_PLACES),
            ingest: Ingest::new(store.writer(), clock.clone(), Limits::default(), bodies),
            panel: Panel {
                reader: store.reader(TenantId::DEFAULT),
                keeper: store.keeper(
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
                    Box::pin(async move { readiness.check(&store, &StorageGauge::default()).await })
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

    /// Its own database.
    pub(crate) fn database_url(&self) -> &str {
        self.database.as_ref().expect("made for it").url()
    }

    /// How many spans its database holds.
    pub(crate) async fn stored_spans(&self) -> u64 {
        let database = self.database.as_ref().expect("a database of its own");
        count(database.url(), "SELECT count(*) FROM spans")
            .await
            .unsigned_abs()
    }

    /// Asks the server to stop, as a signal does.
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

    pub(crate) async fn post(&self, door: Door, body: Vec<u8>) -> Response {
        self.client
            .post(self.url(door.path()))
            .header("content-type", door.content_type())
            .body(body)
            .send()
            .await
            .expect("answers")
    }

    /// Sends spans and returns the answer's body.
    pub(crate) async fn send(&self, door: Door, spans: &[Span]) -> Value {
        let response = self.post(door, door.body(spans)).await;
        let status = response.status();
        let bytes = response.bytes().await.expect("a body");
        assert_eq!(
            status,
            StatusCode::OK,
            "{door:?}: {}",
            String::from_utf8_lossy(&bytes)
        );
        door.read_answer(&bytes)
    }

    /// The stored trace, as the API gives it.
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

/// A client; there must be a TLS provider though nothing here speaks TLS.
pub(crate) fn client() -> Client {
    // Fails when another test of this process was first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::new()
}

/// Reads `url`.
pub(crate) async fn fetch(url: String) -> reqwest::Result<Response> {
    client().get(url).send().await
}

/// How a body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Plain,
    Gzip,
    Zstd,
}

impl Coding {
    pub(crate) const ALL: [Self; 3] = [Self::Plain, Self::Gzip, Self::Zstd];
    /// Those that change the bytes.
    pub(crate) const COMPRESSED: [Self; 2] = [Self::Gzip, Self::Zstd];

    /// What `content-encoding` says of it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "identity",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    pub(crate) fn encode(self, bytes: &[u8]) -> Vec<u8> {
        match self {
            Self::Plain => bytes.to_vec(),
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
                encoder.write_all(bytes).expect("memory");
                encoder.finish().expect("memory")
            }
            Self::Zstd => zstd::encode_all(bytes, 3).expect("memory"),
        }
    }
}

/// The three ways in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    Native,
    OtlpProtobuf,
    OtlpJson,
}

impl Door {
    pub(crate) const ALL: [Self; 3] = [Self::Native, Self::OtlpProtobuf, Self::OtlpJson];

    pub(crate) fn path(self) -> &'static str {
        if self == Self::Native {
            "/api/trace-log"
        } else {
            "/v1/traces"
        }
    }

    pub(crate) fn content_type(self) -> &'static str {
        if self == Self::OtlpProtobuf {
            "application/x-protobuf"
        } else {
            "application/json"
        }
    }

    /// A request of these spans of the service `shop`.
    pub(crate) fn body(self, spans: &[Span]) -> Vec<u8> {
        match self {
            Self::Native => {
                let spans: Vec<Value> = spans.iter().map(native).collect();
                let resource = json!({"attributes": {"service.name": "shop"}});
                json!({"resource": resource, "spans": spans})
                    .to_string()
                    .into_bytes()
            }
            Self::OtlpProtobuf => request(spans).encode_to_vec(),
            Self::OtlpJson => serde_json::to_vec(&request(spans)).expect("encodes"),
        }
    }

    /// `{"rejected": <how many>, "reasons": <text>}`, whatever the form of the answer.
    pub(crate) fn read_answer(self, bytes: &[u8]) -> Value {
        if self == Self::OtlpProtobuf {
            use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
            let answer = ExportTraceServiceResponse::decode(bytes).expect("protobuf");
            let partial = answer.partial_success.unwrap_or_default();
            return json!({"rejected": partial.rejected_spans, "reasons": partial.error_message});
        }
        let answer: Value = serde_json::from_slice(bytes).expect("JSON");
        if self == Self::OtlpJson {
            let partial = &answer["partialSuccess"];
            let rejected = partial["rejectedSpans"].as_str().unwrap_or("0");
            let rejected: u64 = rejected.parse().expect("a number");
            return json!({"rejected": rejected, "reasons": partial["errorMessage"]});
        }
        let rejected = answer["rejected"].as_array().map_or(0, Vec::len);
        json!({"rejected": rejected, "reasons": answer["rejected"].to_string(), "answer": answer})
    }
}

pub(crate) fn request(spans: &[Span]) -> ExportTraceServiceRequest {
    let resource = Resource {
        attributes: vec![text("service.name", "shop")],
        ..Default::default()
    };
    let scope_spans = ScopeSpans {
        spans: spans.to_vec(),
        ..Default::default()
    };
    let resource_spans = ResourceSpans {
        resource: Some(resource),
        scope_spans: vec![scope_spans],
        ..Default::default()
    };
    ExportTraceServiceRequest {
        resource_spans: vec![resource_spans],
    }
}

pub(crate) fn text(key: &str, value: &str) -> KeyValue {
    let value = AnyValue {
        value: Some(Any::StringValue(value.to_owned())),
    };
    KeyValue {
        key: key.to_owned(),
        value: Some(value),
        ..Default::default()
    }
}

/// A span of a trace of its own that began a moment ago.
pub(crate) fn span(name: &str) -> Span {
    let now = u64::try_from(Clock::system().now().get()).expect("after 1970");
    Span {
        trace_id: uuid::Uuid::new_v4().as_bytes().to_vec(),
        span_id: uuid::Uuid::new_v4().as_bytes()[..8].to_vec(),
        name: name.to_owned(),
        kind: 2,
        start_time_unix_nano: now - 1_000_000_000,
        end_time_unix_nano: now,
        ..Span::default()
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The same span in the native form.
fn native(span: &Span) -> Value {
    let mut out = json!({
        "trace_id": hex(&span.trace_id),
        "span_id": hex(&span.span_id),
        "name": span.name,
        "kind": "server",
        "start_ns": span.start_time_unix_nano.to_string(),
        "end_ns": span.end_time_unix_nano.to_string(),
        "attributes": native_pairs(&span.attributes),
    });
    if !span.parent_span_id.is_empty() {
        out["parent_span_id"] = json!(hex(&span.parent_span_id));
    }
    out
}

fn native_pairs(pairs: &[KeyValue]) -> Value {
    let pairs = pairs
        .iter()
        .map(|pair| (pair.key.clone(), native_value(pair.value.as_ref())));
    Value::Object(pairs.collect())
}

fn native_value(value: Option<&AnyValue>) -> Value {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Any::StringValue(text)) => json!(text),
        Some(Any::BoolValue(truth)) => json!(truth),
        Some(Any::IntValue(number)) => json!(number),
        Some(Any::DoubleValue(number)) => json!(number),
        Some(Any::ArrayValue(array)) => array
            .values
            .iter()
            .map(|value| native_value(Some(value)))
            .collect(),
        Some(Any::KvlistValue(list)) => native_pairs(&list.values),
        _ => Value::Null,
    }
}
