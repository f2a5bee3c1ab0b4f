//! Log records in the pane of their span.

use throughline_model::{EventCursor, PayloadPlace, PayloadRef, StoredEvent};
use throughline_testkit::{FakeReader, Ids, Sent, span};
use throughline_wire::{LogRecord, Span};

use crate::page::get;

fn log(span: &Span, offset_ns: i64, severity: u8, message: &str) -> StoredEvent {
    let time = span.start.saturating_add(offset_ns);
    let record = LogRecord {
        time,
        trace_id: Some(span.trace_id),
        span_id: Some(span.span_id),
        severity_number: severity,
        body: message.to_owned().into(),
        attributes: [("order.id", "o-77")].into_iter().collect(),
        ..LogRecord::default()
    };
    StoredEvent {
        record,
        service: "shop".to_owned(),
        received: time,
        cursor: EventCursor {
            at: time,
            digest: 0,
        },
        payloads: Vec::new(),
    }
}

#[tokio::test]
async fn the_logs_of_the_open_span_stand_in_their_order_and_no_others() {
    let mut ids = Ids::seeded(31);
    let trace_id = ids.trace_id();
    let open = span("open").in_trace(trace_id).id(ids.span_id()).build();
    let other = span("other").in_trace(trace_id).id(ids.span_id()).build();
    let mut large = log(&open, 3_000_000, 17, "card <b>refused</b>");
    let at_ns = large.cursor.at.get();
    large.payloads.push(PayloadRef {
        place: PayloadPlace::Body,
        hash: "00".repeat(16),
        byte_count: 900_000,
    });
    let events = vec![
        large,
        log(&open, 1_000_000, 9, "card asked"),
        log(&other, 500, 9, "of another span"),
    ];
    let path = format!("/traces/{trace_id}?span={}", open.span_id);
    let sent = [open, other].map(|span| Sent::by("shop", span)).to_vec();
    let answer = get(&path, FakeReader::new(sent.clone()).with_events(events)).await;
    let text = answer.text();
    for part in [
        "Logs · 2",
        "INFO",
        "ERROR",
        "+1.00 ms",
        "order.id",
        "o-77",
        "Only the beginning of 900 kB.",
        "Show whole value (900 kB)",
    ] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
    let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part}: {text}"));
    assert!(
        at("card asked") < at("card <b>refused</b>"),
        "earliest first"
    );
    let whole = format!(
        "/api/admin/events/{at_ns}-0000000000000000/payloads/{}",
        "00".repeat(16)
    );
    assert!(answer.html.contains(&whole), "{whole} is missing");
    assert!(!text.contains("of another span") && !answer.html.contains("<b>refused"));
    let none = get(&path, FakeReader::new(sent)).await;
    assert!(!none.text().contains("Logs ·"), "no empty section");
}
