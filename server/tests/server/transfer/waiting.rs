//! Tests that an import waits for a database that is overloaded or unreachable, but only for a
//! limited time.

use std::sync::Arc;
use std::time::Duration;

use throughline_server::clock::Clock;
use throughline_server::import::{Import, import};
use throughline_store::testing::FreshDatabase;
use throughline_store::{Store, StoreOptions};
use throughline_testkit::{Ids, NOW};
use throughline_wire::Limits;

use super::side::Side;
use super::{TRACE, file, folder, otlp_line, otlp_span};

#[tokio::test]
async fn an_import_waits_while_the_store_is_overloaded() {
    let folder = folder();
    let database = FreshDatabase::create().await;
    // The queue has space for one batch at a time. The writer asks all others to retry.
    let store = database.store_with(StoreOptions {
        queue_bytes: 1,
        ..StoreOptions::new(|| NOW)
    });
    let side = Side {
        store: Arc::new(store),
        database: Some(database),
    };
    let mut ids = Ids::seeded(5);
    let lines: Vec<String> = (0..9)
        .map(|_| {
            let spans = (0..1_000).map(|_| otlp_span(TRACE, &ids.span_id().to_string()));
            otlp_line(&spans.collect::<Vec<_>>())
        })
        .collect();
    let path = file(&folder, "many.jsonl", &lines.join("\n"));
    let report = side.import(&path).await;
    assert_eq!((report.received, report.rejected), (9_000, 0));
    assert!(report.is_whole());
}

#[tokio::test]
async fn an_import_stops_with_a_message_if_the_database_stays_unavailable() {
    let folder = folder();
    let options = StoreOptions::new(|| NOW);
    let store = Store::connect_lazy("postgres://nobody@127.0.0.1:1/none", options).unwrap();
    let path = file(
        &folder,
        "spans.json",
        &otlp_line(&[otlp_span(TRACE, "0000000000000001")]),
    );
    let what = Import {
        files: vec![path],
        format: None,
        timeout: Duration::from_millis(600),
        limits: Limits::default(),
    };
    let report = import(what, &store.writer(), Clock::new(|| NOW)).await;
    assert!(report.gave_up.is_some());
    assert_eq!(report.received, 0);
}
