//! Tests of the error for each kind of malformed body or span.

mod bounds;
mod events;
mod numbers;
mod parts;
mod reasons;
mod repairs;

use proptest::prelude::*;
use serde_json::{Value, json};
use throughline_testkit::strategies::{self, Content};
use throughline_wire::Limits;
use throughline_wire::attribute::TOO_DEEP;
use throughline_wire::{
    AttributeValue, DropReason, Repair, RepairSet, Resource, SpanBatch, SpanKind, UnixNanos,
};

use super::*;

const NOW: UnixNanos = UnixNanos::new(1_700_000_000 * UnixNanos::PER_SECOND);

fn span_json() -> Value {
    json!({
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "span_id": "00f067aa0ba902b7",
        "name": "GET /",
        "start_ns": "1700000000000000000",
        "end_ns": "1700000000100000000",
    })
}

fn with(field: &str, value: Value) -> Value {
    let mut span = span_json();
    span[field] = value;
    span
}

/// Returns a batch of one span whose attribute `k` has the value `raw`.
fn with_attribute(raw: &[u8]) -> Vec<u8> {
    let span = with("attributes", json!({"k": "@"})).to_string();
    let (before, after) = span.split_once("\"@\"").expect("the placeholder");
    let mut body = b"{\"spans\":[".to_vec();
    body.extend([before.as_bytes(), raw, after.as_bytes()].concat());
    body.extend(b"]}");
    body
}

fn decode(body: &Value) -> DecodedBatch {
    decode_batch(body.to_string().as_bytes()).expect("a batch")
}

fn reason(span: Value) -> String {
    let batch = decode(&json!({"spans": [span]}));
    assert_eq!(batch.spans, []);
    batch.rejected[0].reason.clone()
}

#[test]
fn an_empty_object_is_an_empty_batch() {
    for body in [
        "",
        " \r\n",
        "{}",
        r#"{"spans":null}"#,
        r#"{"spans":[],"resource":{}}"#,
        r#"{"unknown":[{"deep":[[[]]]}]}"#,
    ] {
        assert_eq!(
            decode_batch(body.as_bytes()),
            Ok(DecodedBatch::default()),
            "{body}"
        );
    }
}

#[test]
fn a_body_that_is_not_a_batch_is_an_error_with_its_location() {
    for (body, error) in [
        (&b"[]"[..], "line 1, column 1: expected an object"),
        (b"\n null", "line 2, column 2: expected an object"),
        (
            b"\xef\xbb\xbf{}",
            "line 1, column 1: a byte-order mark begins it",
        ),
        (b"{\"spans\":\n[}", "line 2, column 2: expected value"),
        (
            b"{\"spans\":[",
            "line 1, column 10: EOF while parsing a list",
        ),
        (b"{} {}", "line 1, column 4: trailing characters"),
        (
            b"{\"spans\":5}",
            "line 1, column 10: invalid type: integer `5`, expected a list",
        ),
        (
            b"{\"spans\":[],\"spans\":[]}",
            "line 1, column 19: duplicate field `spans`",
        ),
        (
            b"{\n\"clock\":{\n\"sent_at_ns\":[]}}",
            "line 3, column 15: clock: invalid type: sequence, expected nanoseconds since the Unix epoch, as a decimal string or an integer",
        ),
        (b"{\"spans\":[\xff]}", "line 1, column 11: expected value"),
    ] {
        let found = decode_batch(body).expect_err("not a batch").to_string();
        assert_eq!(found, error, "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn a_batch_with_too_many_spans_is_rejected() {
    let body = |count| format!("{{\"spans\":[{}0]}}", "0,".repeat(count - 1));
    let batch = decode_batch(body(MAX_SPANS).as_bytes()).expect("a batch");
    assert_eq!(batch.rejected.len(), MAX_SPANS);
    let error = decode_batch(body(MAX_SPANS + 1).as_bytes()).expect_err("refused");
    assert_eq!(error.message, "more than 100000 of them");
}

#[test]
fn unknown_fields_are_ignored_and_missing_ones_have_defaults() {
    let span = with("colour", json!({"of": ["no", "matter"]}));
    let batch = decode(&json!({"spans": [span], "version": 7}));
    let span = &batch.spans[0].item;
    assert_eq!(span.kind, SpanKind::Internal);
    assert!(span.attributes.is_empty() && span.parent_span_id.is_none());
}

prop_compose! {
    fn numbered_span()(
        span in strategies::span(Content::Any), sequence in proptest::option::of(any::<u64>()),
    ) -> throughline_wire::Span {
        throughline_wire::Span { sequence, ..span }
    }
}

proptest! {
    #[test]
    fn a_batch_reads_back_as_it_was_written(
        spans in proptest::collection::vec(numbered_span(), 0..3),
        attributes in strategies::attributes(Content::Any),
    ) {
        let batch = SpanBatch {
            resource: Resource { attributes, ..Resource::default() },
            spans,
            ..SpanBatch::default()
        };
        let json = serde_json::to_vec(&batch).expect("serialises");
        let decoded = decode_batch(&json)?;
        prop_assert_eq!(&decoded.rejected, &[]);
        prop_assert!(decoded.spans.iter().all(|span| span.repairs == Repairs::NONE));
        let spans: Vec<_> = decoded.spans.into_iter().map(|span| span.item).collect();
        prop_assert_eq!(format!("{spans:?}"), format!("{:?}", batch.spans));
        prop_assert_eq!(
            format!("{:?}", decoded.resource.attributes),
            format!("{:?}", batch.resource.attributes)
        );
    }

    #[test]
    fn no_body_panics(body: Vec<u8>) {
        let _ = decode_batch(&body);
    }

    #[test]
    fn no_value_of_an_attribute_panics(raw in r#"[\[\]{}",:\\u0-9a-fdeE.$ -]{0,60}"#) {
        if let Ok(batch) = decode_batch(&with_attribute(raw.as_bytes())) {
            batch.validate(&Limits::default(), NOW);
        }
    }

    #[test]
    fn a_changed_byte_does_not_affect_other_spans(at in 0_usize..150, byte in 0x20_u8..0x7f) {
        let good = span_json().to_string();
        let mut bad = good.clone().into_bytes();
        if let Some(old) = bad.get_mut(at) {
            *old = byte;
        }
        if let Ok(bad) = String::from_utf8(bad)
            && serde_json::from_str::<Value>(&bad).is_ok()
        {
            let batch = decode_batch(format!("{{\"spans\":[{good},{bad},{good}]}}").as_bytes())?;
            let kept: Vec<_> = batch.spans.iter().map(|span| span.index).collect();
            prop_assert!(kept == [0, 1, 2] || kept == [0, 2]);
        }
    }
}
