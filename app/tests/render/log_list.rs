//! Tests of `/logs`.

use throughline_model::{EventCursor, PayloadPlace, PayloadRef, ReadError, StoredEvent};
use throughline_testkit::{FakeReader, Ids, NOW};
use throughline_wire::{AttributeValue, Attributes, LogRecord};

use crate::page::get;

/// Returns a record that was received `at` ns after the first one.
fn log(at: i64, severity: u8, body: impl Into<AttributeValue>) -> StoredEvent {
    let time = NOW.saturating_add(at);
    StoredEvent {
        record: LogRecord {
            time,
            severity_number: severity,
            body: body.into(),
            ..LogRecord::default()
        },
        service: "shop".to_owned(),
        received: time,
        cursor: EventCursor {
            at: time,
            digest: at,
        },
        payloads: Vec::new(),
    }
}

#[tokio::test]
async fn a_record_without_a_trace_is_listed_with_all_that_it_carries() {
    let mut ids = Ids::seeded(41);
    let mut structured = Attributes::default();
    structured.insert("code", 402_i64);
    let mut failed = log(2, 17, AttributeValue::Map(structured));
    failed.record.event_name = "payment.failed".into();
    failed.record.attributes.insert("order.id", "o-77");
    let mut of_trace = log(1, 9, "card asked");
    let (trace_id, span_id) = (ids.trace_id(), ids.span_id());
    of_trace.record.trace_id = Some(trace_id);
    of_trace.record.span_id = Some(span_id);
    let mut large = log(0, 0, "the beginning");
    large.record.severity_text = "NOTICE".into();
    large.payloads.push(PayloadRef {
        place: PayloadPlace::Body,
        hash: "00".repeat(16),
        byte_count: 900_000,
    });
    let reader = FakeReader::new(Vec::new()).with_events(vec![failed, of_trace, large]);
    let answer = get("/logs", reader.clone()).await;
    assert_eq!(answer.status, 200);
    let text = answer.text();
    for part in [
        "ERROR",
        "payment.failed",
        "{\"code\":402}",
        "Attributes · 1",
        "order.id",
        "o-77",
        "INFO",
        "card asked",
        "NOTICE",
        "Show whole value (900 kB)",
        "shop",
    ] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
    let link = format!("href=\"/traces/{trace_id}?span={span_id}\"");
    assert_eq!(answer.html.matches(&link).count(), 1, "one link to a trace");
    let without = get("/logs?trace=none", reader).await.text();
    assert!(without.contains("payment.failed") && !without.contains("card asked"));
}

#[tokio::test]
async fn pages_keep_the_filter_and_the_form_shows_it() {
    let events = (0..120).rev().map(|at| log(at, 17, format!("record {at}")));
    let reader = FakeReader::new(Vec::new()).with_events(events.collect());
    let path = "/logs?severity=warn&service=shop&text=record&session=&range=6h";
    let answer = get(path, reader).await;
    let next = "/logs?range=6h&amp;severity=13&amp;service=shop&amp;text=record&amp;after=";
    assert!(answer.html.contains(next), "{next}: {}", answer.html);
    assert!(answer.html.contains("value=\"record\""));
    let form = scraper::Html::parse_document(&answer.html);
    let chosen = scraper::Selector::parse("form.filter option[selected]").expect("a selector");
    let chosen: Vec<_> = form
        .select(&chosen)
        .filter_map(|at| at.attr("value"))
        .collect();
    assert_eq!(chosen, ["6h", "shop", "warn"]);
}

#[tokio::test]
async fn a_session_is_listed_for_all_time() {
    let answer = get("/logs?session=s", FakeReader::new(Vec::new())).await;
    let form = scraper::Html::parse_document(&answer.html);
    let chosen = scraper::Selector::parse("select[name=range] option[selected]");
    let chosen = form.select(&chosen.expect("a selector")).next();
    assert_eq!(
        chosen.map(|option| option.text().collect()),
        Some("All time".to_owned())
    );
    assert!(
        answer
            .text()
            .contains("No stored record meets all conditions.")
    );
}

#[tokio::test]
async fn faults_and_an_unavailable_database_are_reported_and_unknown_parameters_ignored() {
    let wrong = get("/logs?severity=loud", FakeReader::new(Vec::new())).await;
    assert_eq!(wrong.status, 400);
    assert!(
        wrong.text().contains("severity: \"loud\" is neither"),
        "{}",
        wrong.text()
    );
    let away = get("/logs", FakeReader::failing(ReadError::Unavailable)).await;
    assert_eq!(away.status, 503);
    let unknown = get("/logs?servce=shop", FakeReader::new(Vec::new())).await;
    assert_eq!(unknown.status, 200);
    assert!(unknown.text().contains("servce (did you mean service?)"));
    assert!(unknown.text().contains("No log record matches"));
}
