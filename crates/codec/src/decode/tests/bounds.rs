//! Tests that the size of a decoded batch is bounded by its limits, for any body.

use throughline_wire::{Attributes, Span, semconv};

use super::*;
use crate::budget::{REQUEST_VALUES, SET_PAIRS, VALUE_ITEMS};

/// Returns the only span of a batch, as decoded and as validated.
fn read(span: &str) -> (Span, Span) {
    let body = format!("{{\"spans\":[{span}]}}");
    let batch = decode_batch(body.as_bytes()).expect("a batch");
    let decoded = batch.spans[0].item.clone();
    let mut valid = batch.validate(&Limits::default(), NOW).batch;
    (decoded, valid.spans.remove(0))
}

/// Returns the text of a span with `field` set to `raw`.
fn span_with(field: &str, raw: &str) -> String {
    let span = with(field, json!("@")).to_string();
    span.replace("\"@\"", raw)
}

fn kinds(attributes: &Attributes) -> Vec<&'static str> {
    RepairSet::of(attributes)
        .iter()
        .map(Repair::as_str)
        .collect()
}

#[test]
fn events_and_links_beyond_the_limit_are_counted_and_not_read() {
    let event = json!({"time_ns": "1700000000000000000", "name": "e"}).to_string();
    let link = json!({"trace_id": "1".repeat(32), "span_id": "1".repeat(16)}).to_string();
    for (field, item) in [("events", event), ("links", link)] {
        let list = format!("[{}]", vec![item; 3_000].join(","));
        let (decoded, span) = read(&span_with(field, &list));
        let capacity = decoded.events.capacity() + decoded.links.capacity();
        assert!(capacity <= 1_024, "{field}: {capacity}");
        let dropped = span.dropped_events_count + span.dropped_links_count;
        assert_eq!(dropped, 3_000 - 1_024, "{field}");
        assert_eq!(kinds(&span.attributes), [format!("{field}_dropped")]);
    }
}

#[test]
fn a_value_is_truncated_at_its_budget_and_marked() {
    let beyond = 70_000;
    let items = vec!["null"; VALUE_ITEMS + beyond].join(",");
    for raw in [format!("[{items}]"), format!("[[{items}]]")] {
        let (_, span) = read(&span_with("attributes", &format!("{{\"k\":{raw}}}")));
        let text = serde_json::to_string(&span.attributes).expect("serialises");
        assert!(text.contains(" values]"), "{}", text.len());
        assert!(kinds(&span.attributes).contains(&"value_cut"));
        let cut = span.attributes.get(semconv::CUT_BYTES);
        let cut = cut.and_then(AttributeValue::as_int).expect("counted");
        assert!(cut >= beyond as i64, "{cut}");
        let again = crate::validate::validate(span.clone(), &Limits::default(), NOW, Repairs::NONE);
        assert_eq!(again, Ok(span), "validating twice changes nothing");
    }
}

#[test]
fn a_request_creates_a_million_values_at_most_and_counts_the_others() {
    let full = format!("{{\"k\":[{}]}}", vec!["0"; VALUE_ITEMS - 10].join(","));
    let mut spans = vec![span_with("attributes", &full); REQUEST_VALUES / VALUE_ITEMS + 1];
    spans.push(span_with("attributes", "{\"a\":1,\"b\":2}"));
    let body = format!("{{\"spans\":[{}]}}", spans.join(","));
    let batch = decode_batch(body.as_bytes()).expect("a batch");
    let values = |span: &Decoded<Span>| match span.item.attributes.get("k") {
        Some(AttributeValue::Array(values)) => values.len(),
        _ => 0,
    };
    let made: usize = batch.spans.iter().map(values).sum();
    assert!(made <= REQUEST_VALUES + 1, "{made}");
    let valid = batch.validate(&Limits::default(), NOW).batch;
    let last = valid.spans.last().expect("the last");
    assert_eq!(last.dropped_attributes_count, 2);
    assert_eq!(kinds(&last.attributes), ["attributes_dropped"]);
}

#[test]
fn attributes_beyond_the_limit_of_a_set_are_counted_as_dropped() {
    let pairs: Vec<String> = (0..SET_PAIRS + 7).map(|at| format!("\"{at}\":0")).collect();
    let attributes = format!("{{{}}}", pairs.join(","));
    let event = format!("[{{\"time_ns\":1,\"name\":\"e\",\"attributes\":{attributes}}}]");
    let limit = Limits::default().attributes;
    for (field, raw) in [("attributes", attributes), ("events", event)] {
        let (_, span) = read(&span_with(field, &raw));
        let in_events = span
            .events
            .iter()
            .map(|event| event.dropped_attributes_count);
        let dropped = span.dropped_attributes_count + in_events.sum::<u32>();
        assert_eq!(dropped as usize, SET_PAIRS + 7 - limit, "{field}");
        assert_eq!(kinds(&span.attributes), ["attributes_dropped"], "{field}");
    }
}

#[test]
fn a_sent_text_that_looks_like_a_marker_stays_a_text() {
    let (_, span) = read(&span_with(
        "attributes",
        r#"{"k":["… [cut: 7 values]"],"…":"… [cut: 9 values]"}"#,
    ));
    assert_eq!(kinds(&span.attributes), [""; 0]);
    assert_eq!(span.attributes.len(), 2);
}

#[test]
fn an_unreadable_span_does_not_affect_the_repairs_and_budget_of_others() {
    let cut = format!("{{\"k\":[{}]}}", vec!["0"; VALUE_ITEMS + 5].join(","));
    let bad = span_with("attributes", &cut).replace("\"GET /\"", "7");
    let good = span_with("attributes", "{\"a\":1}");
    // With its text repaired it cannot be read either.
    let repaired = bad.replace("{\"k\":", "{\"s\":\"\\ud800\",\"k\":");
    let count = REQUEST_VALUES / VALUE_ITEMS + 1;
    for bad in [bad, repaired] {
        let body = format!("{{\"spans\":[{},{good}]}}", vec![bad; count].join(","));
        let batch = decode_batch(body.as_bytes()).expect("a batch");
        assert_eq!(batch.rejected.len(), count);
        assert_eq!(batch.spans[0].repairs, Repairs::NONE);
        assert_eq!(batch.spans[0].item.attributes.len(), 1);
    }
}
