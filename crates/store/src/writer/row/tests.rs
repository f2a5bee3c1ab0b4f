//! Tests of the rows of decoded and packed spans.

use throughline_codec::binary;

use super::*;

const CONTEXT: Context = Context {
    service_id: 1,
    operation_id: 2,
    resource_id: 3,
    scope_id: 4,
    received_ns: 5,
    index: 0,
};

#[test]
fn a_mark_that_a_later_ingest_would_not_make_does_not_change_the_digest() {
    let digest = |span: &Span| encoded(span, &mut RowBuffers::default()).digest;
    let span = throughline_testkit::span("GET /").build();
    let mut marked = span.clone();
    let repairs = vec![AttributeValue::from("clock_skewed")];
    marked.attributes.insert(semconv::REPAIRS, repairs);
    assert_eq!(digest(&marked), digest(&span));
    marked.attributes.insert("more", "text");
    assert_ne!(digest(&marked), digest(&span));
}

fn encoded(span: &Span, buffers: &mut RowBuffers) -> BatchSpan {
    encode(span, CONTEXT, IngestMetadata::default(), &[], buffers)
}

/// Encodes the span as an OTLP sender does.
fn otlp(span: &Span) -> Vec<u8> {
    let mut out = Vec::new();
    binary::writer::bytes(1, &span.trace_id.to_bytes(), &mut out);
    binary::writer::bytes(2, &span.span_id.to_bytes(), &mut out);
    if let Some(parent) = span.parent_span_id {
        binary::writer::bytes(4, &parent.to_bytes(), &mut out);
    }
    binary::writer::bytes(5, span.name.as_bytes(), &mut out);
    binary::writer::varint(6, u64::from(span.kind.code()), &mut out);
    for (tag, time) in [(7 << 3 | 1, span.start), (8 << 3 | 1, span.end)] {
        out.push(tag);
        out.extend_from_slice(&time.get().to_le_bytes());
    }
    binary::any_value::encode_key_values(9, &span.attributes, 1, &mut out);
    for event in &span.events {
        let mut bytes = Vec::new();
        binary::event::encode(event, &mut bytes);
        binary::writer::bytes(11, &bytes, &mut out);
    }
    out
}

#[test]
fn a_packed_span_has_the_row_of_the_decoded_span() {
    let root = throughline_testkit::span("GET /").build();
    let child = throughline_testkit::span("query")
        .child_of(&root)
        .session("s-1")
        .with(semconv::USER_ID, "käthe")
        .with("rows", 5_i64)
        .build();
    let limits = throughline_wire::Limits::default();
    for span in [root, child] {
        let mut packed = throughline_codec::packed::PackedSpans::default();
        assert!(packed.push_otlp(&otlp(&span), &limits, span.start));
        let packed = packed.iter().next().expect("one");
        let (mut one, mut other) = (RowBuffers::default(), RowBuffers::default());
        for buffers in [&mut one, &mut other] {
            buffers.bytes.push(7);
        }
        let decoded_row = encoded(&span, &mut one);
        let notes = IngestMetadata::default();
        let packed_row = encode_packed(&packed, CONTEXT, notes, &mut other);
        assert_eq!(one.bytes, other.bytes);
        assert_eq!(packed_row.digest, decoded_row.digest);
        assert_eq!(
            packed_row.record(&other.bytes),
            decoded_row.record(&one.bytes)
        );
        let of = |text: Option<TextAt>| text.map(|text| text.of(&one.bytes).to_owned());
        assert_eq!(of(packed_row.user), of(decoded_row.user));
        assert_eq!(
            of(packed_row.session).as_deref(),
            span.attributes.get_str(semconv::SESSION_ID)
        );
    }
}
