//! Tests that log records and events are stored once and found by trace, session, correlation and
//! time.

use std::sync::Arc;

use throughline_model::{
    Direction, EventCursor, EventFilter, EventPage, EventPageRequest, OperationMatch, PayloadPlace,
    StoredEvent, TimeRange, TraceFilter,
};
use throughline_store::{EventOutcome, SpanGroup, WriteBatch, WriteOutcome};
use throughline_testkit::{Ids, every_attribute_kind};
use throughline_wire::{
    AttributeValue, Attributes, LogRecord, Resource, TenantId, UnixNanos, semconv,
};

use crate::support::{Fixture, lone};

fn of(service: &'static str, events: Vec<LogRecord>) -> WriteBatch {
    WriteBatch {
        tenant: TenantId::DEFAULT,
        groups: vec![SpanGroup {
            resource: Arc::new(Resource::of_service(service)),
            events,
            ..SpanGroup::default()
        }],
    }
}

fn log_record(message: &'static str, at: UnixNanos) -> LogRecord {
    LogRecord {
        time: at,
        severity_number: 9,
        body: message.into(),
        ..LogRecord::default()
    }
}

async fn write(fixture: &Fixture, batch: WriteBatch) -> WriteOutcome {
    let outcome = fixture.store.writer().submit(batch).await;
    outcome.expect("is stored")
}

fn counts(received: u64, duplicate: u64) -> WriteOutcome {
    WriteOutcome {
        events: EventOutcome {
            received,
            duplicate,
            ..EventOutcome::default()
        },
        ..WriteOutcome::default()
    }
}

async fn page(fixture: &Fixture, filter: &EventFilter, page: EventPageRequest) -> EventPage {
    let reader = fixture.reader();
    reader.list_events(filter, page).await.expect("reads")
}

async fn list(fixture: &Fixture, filter: &EventFilter) -> Vec<StoredEvent> {
    page(fixture, filter, EventPageRequest::default())
        .await
        .items
}

async fn messages(fixture: &Fixture, filter: &EventFilter) -> Vec<String> {
    let events = list(fixture, filter).await;
    let text = |event: &StoredEvent| event.record.body.as_str().unwrap_or_default().to_owned();
    events.iter().map(text).collect()
}

#[tokio::test]
async fn every_field_of_an_event_is_read_back_unchanged() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(100);
    let mut attributes = every_attribute_kind();
    attributes.insert(semconv::SESSION_ID, "s-1");
    attributes.insert(semconv::CORRELATION_ID, "c-1");
    attributes.insert(semconv::EVENT_STATUS, "accepted");
    let full = LogRecord {
        time: fixture.now,
        observed: fixture.at_ms(5),
        trace_id: Some(ids.trace_id()),
        span_id: Some(ids.span_id()),
        parent_span_id: Some(ids.span_id()),
        flags: u32::MAX,
        severity_number: 24,
        severity_text: "PANIC".into(),
        event_name: "order.placed".into(),
        body: AttributeValue::Map(every_attribute_kind()),
        attributes,
        dropped_attributes_count: 7,
    };
    let outcome = write(&fixture, of("shop", vec![full.clone()])).await;
    assert_eq!(outcome, counts(1, 0));
    for filter in [
        EventFilter::of_trace(full.trace_id.expect("set")),
        EventFilter::of_session("s-1"),
        EventFilter::of_correlation("c-1"),
    ] {
        let events = list(&fixture, &filter).await;
        assert_eq!(events.len(), 1, "{filter:?}");
        assert_eq!(events[0].record, full);
        assert_eq!(events[0].service, "shop");
        assert_eq!(events[0].received, fixture.now);
    }
    let status: String = sqlx::query_scalar("SELECT status FROM events")
        .fetch_one(&mut fixture.database.connection().await)
        .await
        .expect("reads");
    assert_eq!(status, "accepted");
}

#[tokio::test]
async fn bodies_of_every_kind_and_missing_bodies_are_read_back() {
    let fixture = Fixture::new().await;
    for body in [
        AttributeValue::Empty,
        "".into(),
        false.into(),
        0_i64.into(),
        vec![AttributeValue::Empty].into(),
    ] {
        let record = LogRecord {
            time: fixture.now,
            body: body.clone(),
            ..LogRecord::default()
        };
        write(&fixture, of("shop", vec![record])).await;
        let filter = EventFilter::default();
        let found = list(&fixture, &filter).await;
        assert!(
            found.iter().any(|event| event.record.body == body),
            "{body:?}"
        );
    }
}

#[tokio::test]
async fn a_retried_batch_of_events_is_stored_once_and_equal_events_stay_separate() {
    let fixture = Fixture::new().await;
    let batch = || {
        let tick = log_record("tick", fixture.now);
        of(
            "shop",
            vec![tick.clone(), tick, log_record("tock", fixture.now)],
        )
    };
    assert_eq!(write(&fixture, batch()).await, counts(3, 0));
    assert_eq!(write(&fixture, batch()).await, counts(0, 3));
    let mut more = batch();
    more.groups[0].events.push(log_record("new", fixture.now));
    assert_eq!(write(&fixture, more).await, counts(1, 3));
    let stored = fixture.count("SELECT count(*) FROM events").await;
    assert_eq!(stored, 4);
}

#[tokio::test]
async fn spans_and_events_of_a_batch_commit_together_and_count_separately() {
    let fixture = Fixture::new().await;
    let span = lone("work", &mut Ids::seeded(101))
        .starts(fixture.now)
        .build();
    let mut inside = log_record("inside", fixture.now);
    inside.trace_id = Some(span.trace_id);
    inside.span_id = Some(span.span_id);
    inside.attributes.insert(semconv::CORRELATION_ID, "c-1");
    let far = log_record("far", fixture.now.saturating_add(5 * UnixNanos::PER_DAY));
    let mut batch = of("shop", vec![far, inside]);
    batch.groups[0].spans.push(span.clone());
    let outcome = write(&fixture, batch.clone()).await;
    assert_eq!((outcome.received, outcome.events.received), (1, 1));
    assert_eq!(outcome.events.rejected.len(), 1);
    assert_eq!(outcome.events.rejected[0].index, 0);
    let again = write(&fixture, batch).await;
    assert_eq!((again.duplicate, again.events.duplicate), (1, 1));
    let of_trace = EventFilter::of_trace(span.trace_id);
    assert_eq!(messages(&fixture, &of_trace).await, ["inside"]);
    let of_span = EventFilter::of_span(span.trace_id, span.span_id);
    assert_eq!(messages(&fixture, &of_span).await, ["inside"]);
    let of_other = EventFilter::of_span(span.trace_id, Ids::seeded(102).span_id());
    assert!(messages(&fixture, &of_other).await.is_empty());
    // The correlation id of an event finds the trace too.
    let page = throughline_model::PageRequest::default();
    let found = fixture.reader().find_traces(None, "c-1", page).await;
    assert_eq!(found.expect("reads").items[0].trace_id, span.trace_id);
}

#[tokio::test]
async fn events_are_filtered_by_severity_text_service_name_and_time() {
    let fixture = Fixture::new().await;
    let mut failed = log_record("Payment FAILED", fixture.at_ms(-1));
    failed.severity_number = 17;
    failed.event_name = "payment.failed".into();
    let old = log_record("old", fixture.at_ms(-2 * 3_600_000));
    write(&fixture, of("pay", vec![failed, old])).await;
    let mut of_trace = log_record("100%", fixture.now);
    of_trace.trace_id = Some(Ids::seeded(3).trace_id());
    write(&fixture, of("shop", vec![of_trace])).await;
    let recent = EventFilter {
        range: Some(TimeRange::default()),
        ..EventFilter::default()
    };
    let cases = [
        (recent.clone(), vec!["100%", "Payment FAILED"]),
        (
            EventFilter {
                without_trace: true,
                ..recent.clone()
            },
            vec!["Payment FAILED"],
        ),
        (
            EventFilter {
                min_severity: 13,
                ..recent.clone()
            },
            vec!["Payment FAILED"],
        ),
        (
            EventFilter {
                text: Some("payment f".to_owned()),
                ..recent.clone()
            },
            vec!["Payment FAILED"],
        ),
        (
            EventFilter {
                text: Some("%".to_owned()),
                ..recent.clone()
            },
            vec!["100%"],
        ),
        (
            EventFilter {
                service: Some("pay".to_owned()),
                range: None,
                ..recent.clone()
            },
            vec!["Payment FAILED", "old"],
        ),
        (
            EventFilter {
                name: Some("payment.failed".to_owned()),
                ..recent
            },
            vec!["Payment FAILED"],
        ),
    ];
    for (filter, expected) in cases {
        assert_eq!(messages(&fixture, &filter).await, expected, "{filter:?}");
    }
}

#[tokio::test]
async fn pages_of_events_at_one_instant_have_no_gap_in_both_directions() {
    let fixture = Fixture::new().await;
    let events: Vec<LogRecord> = (0..10_i64)
        .map(|at| LogRecord {
            time: fixture.at_ms(at / 4),
            body: at.into(),
            ..LogRecord::default()
        })
        .collect();
    write(&fixture, of("shop", events)).await;
    let filter = EventFilter::default();
    let mut request = EventPageRequest {
        limit: 3,
        from: None,
    };
    let (mut seen, mut pages) = (Vec::new(), Vec::new());
    loop {
        let found = page(&fixture, &filter, request).await;
        seen.extend(found.items.iter().map(|event| event.cursor));
        pages.push(found.clone());
        match found.after {
            Some(after) => request.from = Some((Direction::After, after)),
            None => break,
        }
    }
    assert_eq!(seen.len(), 10);
    assert!(seen.is_sorted_by(|a, b| a > b));
    request.from = pages[2].before.map(|before| (Direction::Before, before));
    assert_eq!(page(&fixture, &filter, request).await.items, pages[1].items);
}

#[tokio::test]
async fn a_list_of_events_has_a_preview_of_a_large_body() {
    let fixture = Fixture::new().await;
    let mut record = log_record("", fixture.now);
    record.body = "b".repeat(100_000).into();
    write(&fixture, of("shop", vec![record])).await;
    let event = list(&fixture, &EventFilter::default()).await.remove(0);
    assert!(event.record.body.as_str().expect("a text").len() < 2_000);
    assert_eq!(event.payloads.len(), 1);
    assert_eq!(event.payloads[0].place, PayloadPlace::Body);
    assert_eq!(event.payloads[0].byte_count, 100_000);

    let (reader, hash) = (fixture.reader(), event.payloads[0].hash.as_str());
    let whole = reader.event_payload(event.cursor, hash).await;
    let whole = whole.expect("reads").expect("is there");
    assert_eq!(whole.value, "b".repeat(100_000).into());
    let other = EventCursor {
        digest: event.cursor.digest ^ 1,
        ..event.cursor
    };
    for (cursor, hash) in [(other, hash), (event.cursor, &*"0".repeat(32))] {
        let none = reader.event_payload(cursor, hash).await;
        assert_eq!(none.expect("reads"), None);
    }
}

#[tokio::test]
async fn an_event_that_the_database_rejects_is_reported_and_the_others_are_stored() {
    let fixture = Fixture::new().await;
    sqlx::raw_sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN RAISE EXCEPTION 'poison' USING ERRCODE = '22000'; END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON events FOR EACH ROW
             WHEN (NEW.message = 'poison') EXECUTE FUNCTION refuse();",
    )
    .execute(&mut fixture.database.connection().await)
    .await
    .expect("executes");
    let mut events: Vec<LogRecord> = (0..10)
        .map(|at| log_record("fine", fixture.at_ms(at)))
        .collect();
    events[6].body = "poison".into();
    let mut batch = of("shop", events);
    let span = lone("work", &mut Ids::seeded(102)).starts(fixture.now);
    batch.groups[0].spans.push(span.build());
    let outcome = write(&fixture, batch).await;
    assert_eq!((outcome.received, outcome.events.received), (1, 9));
    let rejected = &outcome.events.rejected;
    assert_eq!((rejected.len(), rejected[0].index), (1, 6));
    assert_eq!(rejected[0].reason, "poison");
}

async fn found(fixture: &Fixture, text: &str) -> Vec<AttributeValue> {
    let filter = EventFilter {
        text: Some(text.to_owned()),
        ..EventFilter::default()
    };
    let events = list(fixture, &filter).await;
    events.into_iter().map(|event| event.record.body).collect()
}

#[tokio::test]
async fn bodies_of_every_kind_are_found_by_their_json_text_and_shown_in_sql() {
    let fixture = Fixture::new().await;
    let order: Attributes = [
        ("id", AttributeValue::from(4_711_i64)),
        ("Città", "Milano".into()),
    ]
    .into_iter()
    .collect();
    let map: Attributes = [("order", AttributeValue::from(order))]
        .into_iter()
        .collect();
    let bodies: [(AttributeValue, &[&str]); 7] = [
        (
            map.into(),
            &["\"ID\":4711", "città", "MILANO", "{\"order\""],
        ),
        (
            vec!["first".into(), AttributeValue::from(8_i64)].into(),
            &["[\"FIRST\",8]"],
        ),
        (
            9_007_199_254_740_993_i64.into(),
            &["9007199254740993", "740993"],
        ),
        (6.25.into(), &["6.25"]),
        (true.into(), &["TRUE"]),
        (b"\xff\xfe".to_vec().into(), &["//4="]),
        ("a plain text".into(), &["Plain"]),
    ];
    let records: Vec<LogRecord> = (0..)
        .zip(&bodies)
        .map(|(at, (body, _))| {
            let mut record = LogRecord {
                time: fixture.at_ms(at),
                body: body.clone(),
                ..LogRecord::default()
            };
            record.attributes.insert(semconv::SESSION_ID, "s-1");
            record.attributes.insert(semconv::CORRELATION_ID, "c-1");
            record
        })
        .collect();
    let count = bodies.len() as u64;
    let first = write(&fixture, of("shop", records.clone())).await;
    assert_eq!(first, counts(count, 0));
    // The derived text does not make another record of it.
    assert_eq!(write(&fixture, of("shop", records)).await, counts(0, count));
    for (body, texts) in &bodies {
        for text in *texts {
            assert_eq!(
                found(&fixture, text).await,
                core::slice::from_ref(body),
                "{text}"
            );
        }
    }
    assert_eq!(found(&fixture, "nobody said this").await, []);
    let mut connection = fixture.database.connection().await;
    for function in [
        "events_by_session('s-1'::text)",
        "events_by_correlation('c-1'::text)",
    ] {
        let sql = format!("SELECT message FROM {function}");
        let messages: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .fetch_all(&mut connection)
            .await
            .expect("answers");
        assert!(
            messages[0].contains("\"Città\":\"Milano\""),
            "{}",
            messages[0]
        );
        assert_eq!(
            messages[1..4],
            ["[\"first\",8]", "9007199254740993", "6.25"]
        );
    }
}

#[tokio::test]
async fn letters_are_folded_alike_in_log_records_operations_and_errors() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(120);
    for (at, (stored, asked, differs)) in (0..).zip([
        ("ΟΔΟΣ", "οδος", "οδο\u{301}"),
        ("straße", "STRAẞE", "strasse"),
        ("5 \u{b5}s", "5 \u{3bc}S", "5 us"),
        ("\u{212a}elvin", "kelvin", "celvin"),
        ("ǅep", "ǄEP", "dzep"),
        ("ıstanbul", "ıSTANBUL", "istanbul"),
        ("i\u{307}b", "\u{307}B", "ib"),
        ("\u{13a0}", "\u{ab70}", "a"),
        ("Città", "CITTÀ", "citta"),
    ]) {
        let span = lone(stored, &mut ids).starts(fixture.at_ms(at));
        let span = span.error(stored).build();
        let mut batch = of("shop", vec![log_record(stored, fixture.at_ms(at))]);
        batch.groups[0].spans.push(span.clone());
        write(&fixture, batch).await;
        for (text, is_found) in [(stored, true), (asked, true), (differs, false)] {
            let records = found(&fixture, text).await;
            assert_eq!(
                records.contains(&stored.into()),
                is_found,
                "{stored} {text}"
            );
            let operation = OperationMatch::Contains(text.to_owned());
            assert_eq!(operation.matches(stored), is_found, "{stored} {text}");
            for filter in [
                TraceFilter {
                    operation: Some(operation),
                    ..TraceFilter::default()
                },
                TraceFilter {
                    error: Some(text.to_owned()),
                    ..TraceFilter::default()
                },
            ] {
                let traces = fixture.list(&filter).await;
                let has = traces.iter().any(|trace| trace.trace_id == span.trace_id);
                assert_eq!(has, is_found, "{stored} {text} {filter:?}");
            }
        }
    }
}
