//! Tests that an export imports again to the same traces and log records, from any source.

use std::fs;

use throughline_codec::context::Repairs;
use throughline_codec::validate::{validate, validate_log};
use throughline_model::{TimeRange, TraceFilter};
use throughline_server::export::{Layout, Selection, export};
use throughline_server::import::file_limits;
use throughline_testkit::{Ids, NOW, Sent, every_attribute_kind, rich_span, shop_trace, span};
use throughline_wire::Limits;
use throughline_wire::{AttributeValue, LogRecord, TraceId, UnixNanos};

use super::side::{Side, all, assert_same};
use super::{LATER, folder};
use crate::support::Server;

/// Returns spans with every field that a span can have, repairs included.
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
        let span = validate(span, &limits, NOW, Repairs::NONE).expect("can be stored");
        sent.push(Sent::by("shop", span));
    }
    sent
}

/// Returns log records with every field: of `trace_id`, of a trace that is not stored, and of no
/// trace. They fill more than a page.
fn events(trace_id: TraceId) -> Vec<LogRecord> {
    let mut ids = Ids::seeded(4);
    let plain = |at: i64| LogRecord {
        time: UnixNanos::new(NOW.get() + at / 2),
        body: "tick".into(),
        ..LogRecord::default()
    };
    let rich = LogRecord {
        observed: NOW,
        trace_id: Some(trace_id),
        span_id: Some(ids.span_id()),
        parent_span_id: Some(ids.span_id()),
        flags: 1,
        severity_number: 17,
        severity_text: "error".into(),
        event_name: "order.placed".into(),
        body: AttributeValue::Map(every_attribute_kind()),
        attributes: every_attribute_kind(),
        dropped_attributes_count: 3,
        ..plain(0)
    };
    let mut large = LogRecord {
        trace_id: Some(ids.trace_id()),
        body: "b".repeat(300_000).into(),
        ..plain(2)
    };
    large.attributes.insert("payload", "p".repeat(200_000));
    let mut events: Vec<LogRecord> = (0..1_200).map(plain).collect();
    events.extend([rich, large]);
    let limits = file_limits(Limits::default());
    let valid = |event| validate_log(event, &limits, NOW, Repairs::NONE).expect("can be stored");
    events.into_iter().map(valid).collect()
}

#[tokio::test]
async fn log_records_without_a_trace_are_exported_by_range_and_service() {
    let side = Side::new().await;
    side.write(everything()).await;
    let stored = *side.traces().await.first().expect("a trace");
    side.write_events(events(stored)).await;
    let exported = async |filter: TraceFilter, limit| {
        let selection = Selection::Filter(Box::new(filter), limit);
        let out = std::io::sink();
        export(&side.reader(), selection, out, Layout::Lines)
            .await
            .unwrap()
            .events
    };
    let by = |service: &str| TraceFilter {
        service: Some(service.to_owned()),
        ..all()
    };
    assert_eq!(exported(all(), None).await, 1_202);
    assert_eq!(exported(by("worker"), None).await, 1_201);
    assert_eq!(exported(by("shop"), None).await, 1);
    // A condition that only traces can meet, or a limit, leaves only the log records of traces.
    let rooted = TraceFilter {
        min_spans: Some(1),
        ..all()
    };
    assert_eq!(exported(rooted, None).await, 1);
    assert_eq!(exported(all(), Some(100)).await, 1);
    let before = UnixNanos::new(NOW.get() - 1);
    let earlier = TraceFilter {
        range: TimeRange::Between(UnixNanos::new(0), before),
        ..TraceFilter::default()
    };
    assert_eq!(exported(earlier, None).await, 0);
}

#[tokio::test]
async fn an_export_imports_to_the_same_traces() {
    for layout in [Layout::Lines, Layout::Document] {
        let (one, other, folder) = (Side::new().await, Side::new().await, folder());
        one.write(everything()).await;
        let events = events(*one.traces().await.first().expect("a trace"));
        let event_count = events.len() as u64;
        one.write_events(events).await;
        let path = folder.path().join("traces.json");
        let exported = one.export(&path, layout).await;
        assert_eq!((exported.traces, exported.events), (3, event_count));
        let report = other.import(&path).await;
        assert_eq!(report.reasons, [] as [&str; 0]);
        assert!(report.is_whole());
        assert_eq!(report.received, exported.spans);
        assert_eq!((report.traces(), report.events), (3, event_count));
        assert_same(&one, &other).await;
        let again = other.import(&path).await;
        assert_eq!((again.received, again.duplicate), (0, exported.spans));
        assert_eq!((again.events, again.duplicate_events), (0, event_count));
        let back = one.import(&path).await;
        assert_eq!((back.received, back.duplicate), (0, exported.spans));
        assert_eq!((back.events, back.duplicate_events), (0, event_count));
    }
}

#[tokio::test]
async fn traces_are_exported_by_id_and_a_missing_one_is_reported() {
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

#[tokio::test]
async fn a_trace_fetched_as_otlp_imports_to_the_same_trace() {
    let (server, other, folder) = (Server::start().await, Side::at(LATER).await, folder());
    let one = Side::on(&server);
    let first = everything().remove(0).span.trace_id;
    let sent = everything();
    one.write(
        sent.into_iter()
            .filter(|sent| sent.span.trace_id == first)
            .collect(),
    )
    .await;
    let mut events = events(first);
    events.retain(|event| event.trace_id == Some(first));
    one.write_events(events).await;
    let answer = server
        .get(&format!("/api/admin/traces/{first}?format=otlp"))
        .await;
    assert_eq!(answer.headers()["content-type"], "application/json");
    let path = folder.path().join("trace.json");
    fs::write(&path, answer.bytes().await.expect("whole")).expect("writes");
    let report = other.import(&path).await;
    assert!(report.is_whole(), "{report}");
    assert_eq!(report.events, 1);
    assert_same(&one, &other).await;

    let odd = server
        .get(&format!("/api/admin/traces/{first}?format=xml"))
        .await;
    assert_eq!(odd.status(), 400);
    let missing = Ids::seeded(98).trace_id();
    let missing = server
        .get(&format!("/api/admin/traces/{missing}?format=otlp"))
        .await;
    assert_eq!(missing.status(), 404);
}
