//! Files in and out: what is exported imports again to the same traces, wherever it came from.

mod others;

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use throughline_model::{PageRequest, TimeRange, Trace, TraceFilter, TraceReader};
use throughline_server::clock::Clock;
use throughline_server::export::{Exported, Layout, Selection, export};
use throughline_server::import::{Format, Import, Report, file_limits, import};
use throughline_store::testing::FreshDatabase;
use throughline_store::{SpanGroup, Store, StoreOptions, WriteBatch};
use throughline_testkit::{Ids, NOW, Sent, every_attribute_kind, rich_span, shop_trace, span};
use throughline_wire::validate::{Limits, validate};
use throughline_wire::{AttributeValue, Marks, TenantId, TraceId, UnixNanos};

use crate::program;

/// When files are imported: after anything in them.
const LATER: UnixNanos = UnixNanos::new(i64::MAX / 2);

/// A database with a store on it, both of one test.
struct Side {
    store: Store,
    database: FreshDatabase,
}

impl Side {
    async fn new() -> Self {
        Self::at(NOW).await
    }

    async fn at(now: UnixNanos) -> Self {
        let database = FreshDatabase::create().await;
        let store = database.store(now);
        Self { store, database }
    }

    fn reader(&self) -> Arc<dyn TraceReader> {
        self.store.reader(TenantId::DEFAULT)
    }

    async fn write(&self, sent: Vec<Sent>) {
        let groups = sent.into_iter().map(|sent| SpanGroup {
            resource: sent.resource,
            scope: sent.scope,
            spans: vec![sent.span],
            ..SpanGroup::default()
        });
        let batch = WriteBatch {
            tenant: TenantId::DEFAULT,
            groups: groups.collect(),
        };
        let outcome = self.store.writer().submit(batch).await.unwrap();
        assert_eq!(outcome.rejected, []);
    }

    async fn import(&self, file: &Path) -> Report {
        self.import_as(file, None).await
    }

    async fn import_as(&self, file: &Path, format: Option<Format>) -> Report {
        let what = Import {
            files: vec![file.to_owned()],
            format,
            patience: Duration::from_secs(30),
            limits: Limits::default(),
        };
        import(what, &self.store.writer(), Clock::new(|| LATER)).await
    }

    /// Every trace there is, in one file.
    async fn export(&self, file: &Path, layout: Layout) -> Exported {
        let mut out = fs::File::create(file).unwrap();
        let selection = Selection::Filter(Box::new(all()), None);
        export(&self.reader(), selection, &mut out, layout)
            .await
            .unwrap()
    }

    async fn traces(&self) -> BTreeSet<TraceId> {
        let page = PageRequest {
            limit: PageRequest::MAX_LIMIT,
            from: None,
        };
        let page = self.reader().list_traces(&all(), page).await.unwrap();
        page.items.iter().map(|summary| summary.trace_id).collect()
    }

    async fn trace(&self, id: TraceId) -> Trace {
        self.reader().trace(id).await.unwrap().expect("the trace")
    }
}

/// Whatever began after 1970.
fn all() -> TraceFilter {
    TraceFilter {
        range: TimeRange::Between(UnixNanos::new(0), LATER),
        ..TraceFilter::default()
    }
}

/// Everything of a trace but when it was received, as text, so that NaN equals NaN.
fn shown(trace: &Trace) -> BTreeSet<String> {
    let spans = trace.spans.iter().map(|stored| {
        format!(
            "{:?} {:?} {:?}",
            stored.span,
            trace.resources[stored.resource as usize],
            trace.scopes[stored.scope as usize]
        )
    });
    spans.chain([format!("{:?}", trace.summary)]).collect()
}

async fn assert_same(one: &Side, other: &Side) {
    let traces = one.traces().await;
    assert!(!traces.is_empty());
    assert_eq!(traces, other.traces().await);
    for id in traces {
        let (one, other) = (one.trace(id).await, other.trace(id).await);
        assert_eq!(shown(&one), shown(&other), "{id}");
    }
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

fn file(folder: &TempDir, name: &str, text: &str) -> PathBuf {
    let path = folder.path().join(name);
    fs::write(&path, text).expect("writes");
    path
}

/// Spans with everything a span can have, repairs included.
fn everything() -> Vec<Sent> {
    let mut ids = Ids::seeded(3);
    let mut sent = shop_trace(&mut ids);
    let mut rich = rich_span();
    rich.attributes
        .insert("beyond 2^53", 9_007_199_254_740_993_i64);
    rich.attributes.insert("nan", f64::NAN);
    rich.attributes.insert("infinity", f64::NEG_INFINITY);
    rich.attributes.insert("bytes", vec![0_u8, 1, 255]);
    rich.attributes
        .insert("nested", AttributeValue::Map(every_attribute_kind()));
    rich.attributes.insert("payload", "p".repeat(300_000));
    let mut backwards = span("ends before it starts").id(ids.span_id()).build();
    backwards.end = UnixNanos::new(backwards.start.get() - 5);
    for span in [rich, backwards] {
        let limits = file_limits(Limits::default());
        let span = validate(span, &limits, NOW, Marks::NONE).expect("can be stored");
        sent.push(Sent::by("shop", span));
    }
    sent
}

#[tokio::test]
async fn what_is_exported_imports_again_to_the_same_traces() {
    for layout in [Layout::Lines, Layout::Document] {
        let (one, other, folder) = (Side::new().await, Side::new().await, folder());
        one.write(everything()).await;
        let path = folder.path().join("traces.json");
        let exported = one.export(&path, layout).await;
        assert_eq!(exported.traces, 3);
        let report = other.import(&path).await;
        assert_eq!(report.reasons, [] as [&str; 0]);
        assert!(report.is_whole());
        assert_eq!(report.received, exported.spans);
        assert_eq!(report.traces(), 3);
        assert_same(&one, &other).await;
        let again = other.import(&path).await;
        assert_eq!((again.received, again.duplicate), (0, exported.spans));
        let back = one.import(&path).await;
        assert_eq!((back.received, back.duplicate), (0, exported.spans));
    }
}

#[tokio::test]
async fn traces_are_chosen_by_id_and_a_missing_one_is_named() {
    let side = Side::new().await;
    side.write(everything()).await;
    let id = *side.traces().await.first().expect("a trace");
    let missing = Ids::seeded(99).trace_id();
    let selection = Selection::Traces(vec![id, missing]);
    let mut out = Vec::new();
    let exported = export(&side.reader(), selection, &mut out, Layout::Lines)
        .await
        .unwrap();
    assert_eq!((exported.traces, exported.missing), (1, vec![missing]));
    let text = String::from_utf8(out).expect("text");
    assert!(text.contains(&id.to_string()));
}

#[tokio::test]
async fn an_export_stops_at_its_limit() {
    let side = Side::new().await;
    side.write(everything()).await;
    let selection = Selection::Filter(Box::new(all()), Some(2));
    let exported = export(&side.reader(), selection, std::io::sink(), Layout::Lines)
        .await
        .unwrap();
    assert_eq!(exported.traces, 2);
}

fn otlp_span(trace: &str, span: &str) -> serde_json::Value {
    json!({
        "traceId": trace, "spanId": span, "name": "x",
        "startTimeUnixNano": NOW.to_string(), "endTimeUnixNano": NOW.to_string(),
    })
}

fn otlp_line(spans: &[serde_json::Value]) -> String {
    json!({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).to_string()
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[tokio::test]
async fn a_bad_line_and_a_bad_span_cost_themselves_and_are_named() {
    let (side, folder) = (Side::new().await, folder());
    let lines = [
        otlp_line(&[otlp_span(TRACE, "0000000000000001")]),
        "{\"resourceSpans\":[{".to_owned(),
        otlp_line(&[
            otlp_span("xyz", "0000000000000002"),
            otlp_span(TRACE, "0000000000000003"),
        ]),
    ];
    let path = file(&folder, "spans.jsonl", &lines.join("\n"));
    let report = side.import(&path).await;
    assert_eq!((report.received, report.rejected), (2, 2));
    assert!(!report.is_whole());
    let name = path.display();
    assert_eq!(
        report.reasons,
        [
            format!("{name}:2: the text ends within a value"),
            format!(
                "{name}:3: traceId: has the wrong length; it takes 32 hexadecimal characters \
                 (16 bytes)"
            ),
        ]
    );
    assert_eq!(
        side.trace(TRACE.parse().expect("an id")).await.spans.len(),
        2
    );
}

#[tokio::test]
async fn gzip_and_zstd_are_told_by_their_bytes() {
    let folder = folder();
    let text = otlp_line(&[otlp_span(TRACE, "0000000000000001")]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).expect("writes");
    let zstd = zstd::stream::encode_all(text.as_bytes(), 1).expect("compresses");
    for bytes in [gzip.finish().expect("compresses"), zstd] {
        let side = Side::new().await;
        let path = folder.path().join("spans");
        fs::write(&path, &bytes).expect("writes");
        assert_eq!(side.import(&path).await.received, 1);
        fs::write(&path, &bytes[..bytes.len() - 3]).expect("writes");
        let cut = side.import(&path).await;
        assert!(!cut.is_whole(), "a damaged file is no whole file");
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named_and_the_others_are_read() {
    let (side, folder) = (Side::new().await, folder());
    let good = file(
        &folder,
        "good.json",
        &otlp_line(&[otlp_span(TRACE, "0000000000000001")]),
    );
    let what = Import {
        files: vec![folder.path().join("none.json"), good],
        format: None,
        patience: Duration::from_secs(30),
        limits: Limits::default(),
    };
    let report = import(what, &side.store.writer(), Clock::new(|| NOW)).await;
    assert_eq!((report.received, report.unread()), (1, 1));
    assert!(!report.is_whole());
}

#[tokio::test]
async fn an_import_waits_where_the_store_is_overloaded() {
    let folder = folder();
    let database = FreshDatabase::create().await;
    // Room for one batch at a time: all others are told to come back.
    let store = database.store_with(StoreOptions {
        queue_bytes: 1,
        ..StoreOptions::new(|| NOW)
    });
    let side = Side { store, database };
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
async fn an_import_gives_up_on_a_database_that_stays_away_and_says_so() {
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
        patience: Duration::from_millis(600),
        limits: Limits::default(),
    };
    let report = import(what, &store.writer(), Clock::new(|| NOW)).await;
    assert!(report.gave_up.is_some());
    assert_eq!(report.received, 0);
}

/// The repository's folder of files that programs of others wrote.
fn foreign() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/foreign")
}

#[tokio::test]
async fn files_that_others_wrote_import_and_export_to_the_same_traces() {
    let mut count = 0;
    for entry in fs::read_dir(foreign()).expect("the folder") {
        let path = entry.expect("an entry").path();
        if path
            .extension()
            .is_none_or(|ending| ending != "json" && ending != "jsonl")
        {
            continue;
        }
        count += 1;
        let (one, other, folder) = (Side::at(LATER).await, Side::at(LATER).await, folder());
        let report = one.import(&path).await;
        assert!(report.is_whole(), "{report}");
        assert!(report.received + report.events > 0, "{report}");
        let again = one.import(&path).await;
        let (spans, events) = (report.received, report.events);
        assert_eq!((again.received, again.duplicate), (0, spans), "{again}");
        assert_eq!((again.events, again.duplicate_events), (0, events));
        if spans == 0 {
            // Log records alone: there is no trace to export.
            continue;
        }
        let out = folder.path().join("out.jsonl");
        let exported = one.export(&out, Layout::Lines).await;
        assert_eq!(exported.spans, report.received);
        let report = other.import(&out).await;
        assert!(report.is_whole(), "{report}");
        assert_same(&one, &other).await;
    }
    assert!(count >= 4, "the fixtures are there");
}

#[tokio::test]
async fn the_program_says_what_it_did_and_fails_where_not_all_was_stored() {
    let (side, folder) = (Side::new().await, folder());
    let url = side.database.url();
    let path = file(
        &folder,
        "spans.json",
        &otlp_line(&[otlp_span(TRACE, "0000000000000001")]),
    );
    let path = path.to_str().expect("text");
    let command = ["import", "--database-url", url, path];
    let output = program::command(&command).output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{output:?}");
    assert!(text.contains("OTLP JSON"), "{text}");
    assert!(text.contains("received            1 spans"), "{text}");

    let out = folder.path().join("out.jsonl.zst");
    let out = out.to_str().expect("text");
    let command = [
        "export",
        "--database-url",
        url,
        "--trace",
        TRACE,
        "--output",
        out,
    ];
    let (status, complaint) = program::run(&command).await;
    assert!(status.success(), "{complaint}");
    let (status, complaint) = program::run(&["import", "--database-url", url, out]).await;
    assert!(status.success(), "{complaint}");

    let bad = file(&folder, "bad.json", "{\"a\":1}");
    let bad = bad.to_str().expect("text");
    let (status, complaint) = program::run(&["import", "--database-url", url, bad]).await;
    assert!(!status.success());
    assert!(
        complaint.contains("not everything was imported"),
        "{complaint}"
    );
}
