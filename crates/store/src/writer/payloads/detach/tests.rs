//! What is taken out of a batch, and what stays.

use std::sync::Arc;

use throughline_wire::TenantId;

use super::*;
use crate::SpanGroup;
use crate::writer::payloads::memory_bytes;

fn batch_of(spans: Vec<Span>) -> WriteBatch {
    WriteBatch {
        tenant: TenantId::DEFAULT,
        groups: vec![SpanGroup {
            resource: Arc::default(),
            scope: Arc::default(),
            spans,
            ..SpanGroup::default()
        }],
    }
}

#[tokio::test]
async fn a_value_at_the_threshold_stays_and_a_larger_one_becomes_a_preview() {
    let span = throughline_testkit::span("s")
        .with("at", "x".repeat(100))
        .with("over", "é".repeat(5_000))
        .build();
    let (batch, detached) = detach(batch_of(vec![span]), 100).await;
    let kept = &batch.groups[0].spans[0].attributes;
    assert_eq!(kept.get_str("at"), Some("x".repeat(100).as_str()));
    let preview = kept.get_str("over").expect("a text");
    assert!(preview.starts_with(&"é".repeat(512)), "{preview}");
    assert!(preview.ends_with("… [10000 bytes]"), "{preview}");
    assert_eq!(detached.payloads.len(), 1);
    let references = crate::payload_refs::decode(detached.of_span(0)).expect("reads");
    assert_eq!(references[0].path, ValuePath::Attribute(1));
    assert_eq!(references[0].byte_count, 10_000);
}

#[tokio::test]
async fn a_large_status_message_stays_in_part_and_is_taken_out_whole() {
    let spans = [100, 101].map(|chars| {
        throughline_testkit::span("s")
            .error("é".repeat(chars))
            .build()
    });
    let (batch, detached) = detach(batch_of(spans.to_vec()), 200).await;
    let spans = &batch.groups[0].spans;
    assert_eq!(spans[0].status.message, "é".repeat(100));
    assert_eq!(spans[1].status.message, "é".repeat(100));
    assert!(detached.of_span(0).is_empty());
    let references = crate::payload_refs::decode(detached.of_span(1)).expect("reads");
    assert_eq!(references[0].path, ValuePath::StatusMessage);
    assert_eq!(references[0].byte_count, 202);
    assert_eq!(detached.payloads.len(), 1);
}

#[tokio::test]
async fn equal_payloads_of_a_batch_are_compressed_once() {
    let large = || "y".repeat(10_000);
    let one = throughline_testkit::span("a").with("k", large()).build();
    let other = throughline_testkit::span("b")
        .with("z", 1_i64)
        .with("other", large())
        .build();
    let clean = throughline_testkit::span("c").with("k", "small").build();
    let (batch, detached) = detach(batch_of(vec![one, other, clean.clone()]), 8 << 10).await;
    assert_eq!(detached.payloads.len(), 1);
    assert!(memory_bytes(&detached.payloads) < 1_000);
    assert_eq!(detached.spans.len(), 2);
    assert_eq!(detached.of_span(2), &[] as &[u8]);
    assert_eq!(batch.groups[0].spans[2], clean);
}
