//! Tests of sqlx statements with a real Postgres.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use throughline::Tracer;
use throughline::wire::{AttributeValue, Span, SpanKind, semconv};
use tracing::level_filters::LevelFilter;
use tracing::{Instrument, info_span};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::SubscriberExt;

use super::{TIMEOUT, Traced, assert_child, collector::Collector, named};

/// Returns a pool of one connection, so that its temporary tables stay.
async fn pool(configure: impl FnOnce(PgConnectOptions) -> PgConnectOptions) -> PgPool {
    let url = std::env::var("THROUGHLINE_TEST_DATABASE_URL")
        .expect("THROUGHLINE_TEST_DATABASE_URL names a database to test with");
    let options = configure(url.parse().expect("a database URL"));
    let pool = PgPoolOptions::new().max_connections(1);
    pool.connect_with(options).await.expect("a database")
}

/// Creates, fills, reads and changes a table.
async fn work(pool: &PgPool) {
    sqlx::query("CREATE TEMP TABLE orders (id bigint, customer text)")
        .execute(pool)
        .await
        .expect("created");
    sqlx::query(INSERT)
        .bind("the secret customer")
        .execute(pool)
        .await
        .expect("inserted");
    let rows = sqlx::query(SELECT)
        .bind(1_i64)
        .fetch_all(pool)
        .await
        .expect("read");
    assert_eq!(rows.len(), 2);
    sqlx::query("DELETE FROM orders")
        .execute(pool)
        .await
        .expect("deleted");
}

const INSERT: &str =
    "INSERT INTO orders (id, customer)\n    SELECT id, $1\n    FROM generate_series(1, 3) AS id";

const SELECT: &str = "SELECT id, customer FROM orders WHERE id > $1 ORDER BY id";

fn int(span: &Span, key: &str) -> Option<i64> {
    span.attributes.get(key).and_then(AttributeValue::as_int)
}

fn assert_worked(spans: &[Span]) {
    let outer = named(spans, "work");
    let (create, delete) = (
        "CREATE TEMP TABLE orders (id bigint, customer text)",
        "DELETE FROM orders",
    );
    for (name, text, affected, returned) in [
        ("CREATE orders", create, Some(0), 0),
        ("INSERT orders", INSERT, Some(3), 0),
        ("SELECT orders", SELECT, None, 2),
        ("DELETE orders", delete, Some(3), 0),
    ] {
        let span = named(spans, name);
        assert_child(span, outer);
        assert_eq!(span.kind, SpanKind::Client, "{name}");
        let text_of = |key| span.attributes.get_str(key);
        assert_eq!(text_of(semconv::DB_QUERY_TEXT), Some(text), "{name}");
        assert_eq!(
            text_of(semconv::DB_SYSTEM_NAME),
            Some("postgresql"),
            "{name}"
        );
        assert_eq!(text_of(semconv::DB_QUERY_SUMMARY), Some(name));
        assert_eq!(text_of(semconv::DB_OPERATION_NAME), name.split(' ').next());
        assert_eq!(
            int(span, semconv::DB_RESPONSE_AFFECTED_ROWS),
            affected,
            "{name}"
        );
        assert_eq!(
            int(span, semconv::DB_RESPONSE_RETURNED_ROWS),
            Some(returned),
            "{name}"
        );
        assert!(
            outer.start <= span.start && span.start < span.end && span.end <= outer.end,
            "{name}"
        );
    }
    assert_eq!(spans.len(), 5, "one span a statement");
    assert!(
        outer.events.is_empty(),
        "a statement is a span, not an event too"
    );
    let sent = serde_json::to_string(spans).expect("JSON");
    assert!(
        !sent.contains("the secret customer"),
        "bound values stay at home"
    );
}

#[tokio::test]
async fn each_statement_is_a_child_span_with_its_text_and_rows() {
    let traced = Traced::new();
    let pool = pool(|options| options).await;
    work(&pool).instrument(info_span!("work")).await;
    assert_worked(&traced.spans().await);
}

#[tokio::test]
async fn a_slow_statement_is_one_span() {
    let traced = Traced::new();
    let pool = pool(|options| {
        let level = "warn".parse().expect("a level");
        options.log_slow_statements(level, Duration::ZERO)
    })
    .await;
    work(&pool).instrument(info_span!("work")).await;
    assert_worked(&traced.spans().await);
}

#[tokio::test]
async fn statements_without_a_recorded_parent_leave_no_span() {
    let traced = Traced::with(|builder| builder.mode(throughline::Mode::Sampled(0.0)));
    let pool = pool(|options| options).await;
    sqlx::query("SELECT 1").execute(&pool).await.expect("runs");
    sqlx::query("SELECT 2")
        .execute(&pool)
        .instrument(info_span!("unsampled"))
        .await
        .expect("runs");
    assert!(traced.spans().await.is_empty());
    assert_eq!(traced.tracer.stats().accepted, 0);
}

/// The output of another layer.
#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl io::Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("unharmed").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn recording_statements_does_not_make_the_log_print_them() {
    let collector = Collector::start();
    let tracer = Tracer::builder("test")
        .endpoint(collector.endpoint())
        .build()
        .expect("a tracer");
    let printed = Printed::default();
    let writer = printed.clone();
    let log = tracing_subscriber::fmt::layer()
        .with_writer(move || writer.clone())
        .with_filter(LevelFilter::INFO);
    let subscriber = tracing_subscriber::registry()
        .with(tracer.layer())
        .with(log);
    let _guard = tracing::subscriber::set_default(subscriber);
    let pool = pool(|options| options).await;
    async {
        work(&pool).await;
        tracing::info!("printed");
    }
    .instrument(info_span!("work"))
    .await;
    assert!(tracer.flush(TIMEOUT).await.is_complete());
    assert_eq!(collector.spans().len(), 5);
    let printed = String::from_utf8(printed.0.lock().expect("unharmed").clone()).expect("UTF-8");
    assert!(
        printed.contains("printed") && !printed.contains("sqlx"),
        "{printed}"
    );
}
