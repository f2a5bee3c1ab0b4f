//! Values that a span holds only in part, and drops.

use throughline_model::{Payload, PayloadPlace, PayloadRef};
use throughline_testkit::{FakeReader, Ids, Sent, span};
use throughline_wire::{Attributes, Repair, RepairSet, Span, semconv};

use crate::html::read;
use crate::page::{Answer, get};

const HASH: &str = "00112233445566778899aabbccddeeff";
const PREVIEW: &str = "{\"lines\":[<b>1</b>";

fn payload(place: PayloadPlace, byte_count: u64) -> Payload {
    Payload {
        reference: PayloadRef {
            place,
            hash: HASH.to_owned(),
            byte_count,
        },
        value: "the whole".into(),
    }
}

fn key(key: &str) -> String {
    key.to_owned()
}

async fn pane_of(span: Span, kept: Option<Payload>) -> Answer {
    let path = format!("/traces/{}?span={}", span.trace_id, span.span_id);
    let id = span.span_id;
    let reader = FakeReader::new(vec![Sent::by("shop", span)]);
    let reader = match kept {
        Some(payload) => reader.keeping(id, payload),
        None => reader,
    };
    get(&path, reader).await
}

fn with_every_value() -> Span {
    let mut ids = Ids::seeded(21);
    let other = span("other").in_trace(ids.trace_id()).id(ids.span_id());
    let values = |name: &'static str| -> Attributes { [(name, PREVIEW)].into_iter().collect() };
    let mut full = span("full")
        .in_trace(ids.trace_id())
        .id(ids.span_id())
        .with("order.body", PREVIEW)
        .with(semconv::DB_QUERY_TEXT, PREVIEW)
        .event(5, "other", Attributes::default())
        .event(10, "reply", values("reply.body"))
        .event(
            20,
            semconv::EVENT_EXCEPTION,
            values(semconv::EXCEPTION_STACKTRACE),
        )
        .linked_to(&other.build())
        .error("no")
        .build();
    full.links[0].attributes = values("link.body");
    full
}

#[tokio::test]
async fn a_preview_says_its_true_size_and_links_to_the_whole_wherever_it_stands() {
    let span = with_every_value();
    let href = format!(
        "/api/admin/traces/{}/spans/{}/payloads/{HASH}",
        span.trace_id, span.span_id
    );
    let places = [
        PayloadPlace::Attribute {
            key: key("order.body"),
        },
        PayloadPlace::Attribute {
            key: key(semconv::DB_QUERY_TEXT),
        },
        PayloadPlace::Event {
            at: 1,
            key: key("reply.body"),
        },
        PayloadPlace::Event {
            at: 2,
            key: key(semconv::EXCEPTION_STACKTRACE),
        },
        PayloadPlace::Link {
            at: 0,
            key: key("link.body"),
        },
    ];
    for place in places {
        let answer = pane_of(span.clone(), Some(payload(place.clone(), 900_000))).await;
        let text = answer.text();
        assert!(
            text.contains("Only the beginning of 900 kB."),
            "{place:?}: {text}"
        );
        assert_eq!(
            text.matches("Show whole value (900 kB)").count(),
            1,
            "{place:?}"
        );
        let (tags, _) = read(&answer.html);
        let links: Vec<_> = tags
            .iter()
            .filter(|tag| tag.attribute("href") == Some(&href))
            .collect();
        assert_eq!(links.len(), 2, "{place:?}: to show and to download");
        assert!(
            links
                .iter()
                .all(|link| link.attribute("rel") == Some("external"))
        );
        assert!(!answer.html.contains("<b>1</b>"), "a preview is text");
        assert!(text.contains(PREVIEW), "{place:?}: {text}");
    }
}

#[tokio::test]
async fn a_place_that_the_span_does_not_have_promises_nothing() {
    let place = PayloadPlace::Event {
        at: 0,
        key: key("reply.body"),
    };
    let answer = pane_of(with_every_value(), Some(payload(place, 900_000))).await;
    assert!(!answer.text().contains("whole value"), "{}", answer.text());
}

#[tokio::test]
async fn a_value_too_great_for_a_page_is_offered_as_a_download_only() {
    let place = PayloadPlace::Attribute {
        key: key("order.body"),
    };
    let answer = pane_of(with_every_value(), Some(payload(place, 64_000_000))).await;
    let text = answer.text();
    assert!(text.contains("Download whole value (64.0 MB)"), "{text}");
    assert!(!text.contains("Show whole value"), "{text}");
}

#[tokio::test]
async fn what_was_dropped_or_cut_is_said_with_who_did_it() {
    let mut ids = Ids::seeded(22);
    let mut lossy = span("lossy")
        .in_trace(ids.trace_id())
        .id(ids.span_id())
        .build();
    lossy.dropped_attributes_count = 3;
    lossy.dropped_events_count = 1;
    lossy.dropped_links_count = 2;
    let by_sender = pane_of(lossy.clone(), None).await.text();
    for part in [
        "3 more attributes were dropped by the sender before it was sent.",
        "1 more event was dropped by the sender before it was sent.",
        "2 more links were dropped by the sender before it was sent.",
    ] {
        assert!(by_sender.contains(part), "{part} is missing: {by_sender}");
    }
    let repairs = RepairSet::from_iter([Repair::EventsDropped, Repair::ValueCut]);
    lossy
        .attributes
        .insert(semconv::REPAIRS, repairs.to_value());
    lossy.attributes.insert(semconv::CUT_BYTES, 1_250_000_i64);
    let here_too = pane_of(lossy, None).await.text();
    for part in [
        "1 more event was dropped by the sender, or by the server because of a limit.",
        "2 more links were dropped by the sender before it was sent.",
        "1.2 MB of its values are not stored: they were beyond the limit.",
    ] {
        assert!(here_too.contains(part), "{part} is missing: {here_too}");
    }
    assert!(!here_too.contains("cut_bytes"), "said once, in words");
}

#[tokio::test]
async fn a_large_status_message_shows_its_beginning_and_offers_the_whole() {
    let failed = span("charge card").error("the beginning").build();
    let payload = Payload {
        reference: PayloadRef {
            place: PayloadPlace::StatusMessage,
            hash: "ab".repeat(16),
            byte_count: 900_000,
        },
        value: "the whole".into(),
    };
    let path = format!("/traces/{}?span={}", failed.trace_id, failed.span_id);
    let reader = FakeReader::new(vec![Sent::by("shop", failed.clone())]);
    let answer = get(&path, reader.keeping(failed.span_id, payload)).await;
    let text = answer.text();
    assert!(text.contains("the beginning"), "{text}");
    assert!(text.contains("Show whole value (900 kB)"), "{text}");
    assert!(
        answer
            .html
            .contains(&format!("/payloads/{}", "ab".repeat(16)))
    );
}
