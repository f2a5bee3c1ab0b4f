//! Tests of round trips, of agreement with the official crate, and of invalid bytes.

use opentelemetry_proto::tonic::common::v1 as otlp;
use opentelemetry_proto::tonic::trace::v1 as otlp_trace;
use proptest::prelude::*;
use prost::Message as _;
use throughline_testkit::strategies::{self, Content};
use throughline_wire::attribute::{MAX_DEPTH, TOO_DEEP};
use throughline_wire::{AttributeValue, IdError, Repair};

use super::*;
use crate::budget::SET_PAIRS;
use crate::context::Repairs;

fn to_otlp(value: &AttributeValue) -> otlp::AnyValue {
    use otlp::any_value::Value;
    let value = match value {
        AttributeValue::Empty => None,
        AttributeValue::Str(text) => Some(Value::StringValue(text.to_string())),
        AttributeValue::Bool(truth) => Some(Value::BoolValue(*truth)),
        AttributeValue::Int(number) => Some(Value::IntValue(*number)),
        AttributeValue::Double(number) => Some(Value::DoubleValue(*number)),
        AttributeValue::Bytes(bytes) => Some(Value::BytesValue(bytes.clone())),
        AttributeValue::Array(values) => Some(Value::ArrayValue(otlp::ArrayValue {
            values: values.iter().map(to_otlp).collect(),
        })),
        AttributeValue::Map(attributes) => Some(Value::KvlistValue(otlp::KeyValueList {
            values: key_values(attributes),
        })),
    };
    otlp::AnyValue { value }
}

fn key_values(attributes: &Attributes) -> Vec<otlp::KeyValue> {
    attributes
        .iter()
        .map(|(key, value)| otlp::KeyValue {
            key: key.to_owned(),
            value: Some(to_otlp(value)),
            ..Default::default()
        })
        .collect()
}

fn encoded(attributes: &Attributes) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_attributes(attributes, &mut bytes);
    bytes
}

proptest! {
    #[test]
    fn attributes_are_written_as_the_official_crate_writes_them(
        attributes in strategies::attributes(Content::Any),
    ) {
        let values = key_values(&attributes);
        let theirs = otlp::KeyValueList { values }.encode_to_vec();
        prop_assert_eq!(&encoded(&attributes), &theirs);
        prop_assert_eq!(encoded(&decode_attributes(&theirs)?), theirs);
    }

    #[test]
    fn events_are_written_as_the_official_crate_writes_them(event in strategies::event(Content::Any)) {
        let theirs = otlp_trace::span::Event {
            time_unix_nano: event.time.get() as u64,
            name: event.name.to_string(),
            attributes: key_values(&event.attributes),
            dropped_attributes_count: event.dropped_attributes_count,
        };
        let mut ours = Vec::new();
        event::encode(&event, &mut ours);
        prop_assert_eq!(&ours, &theirs.encode_to_vec());
        prop_assert_eq!(event::decode(Reader::new(&ours), &mut DecodeContext::for_request())?, event);
    }

    #[test]
    fn links_are_written_as_the_official_crate_writes_them(link in strategies::link(Content::Any)) {
        let theirs = otlp_trace::span::Link {
            trace_id: link.trace_id.to_bytes().to_vec(),
            span_id: link.span_id.to_bytes().to_vec(),
            trace_state: link.trace_state.to_string(),
            attributes: key_values(&link.attributes),
            dropped_attributes_count: link.dropped_attributes_count,
            flags: link.flags,
        };
        let mut ours = Vec::new();
        link::encode(&link, &mut ours);
        prop_assert_eq!(&ours, &theirs.encode_to_vec());
        prop_assert_eq!(link::decode(Reader::new(&ours), &mut DecodeContext::for_request())?, link);
    }

    #[test]
    fn lists_of_events_and_links_read_back(
        events in proptest::collection::vec(strategies::event(Content::Any), 0..4),
        links in proptest::collection::vec(strategies::link(Content::Any), 0..4),
    ) {
        let (mut event_bytes, mut link_bytes) = (Vec::new(), Vec::new());
        encode_events(&events, &mut event_bytes);
        encode_links(&links, &mut link_bytes);
        prop_assert_eq!(decode_events(&event_bytes)?, events);
        prop_assert_eq!(decode_links(&link_bytes)?, links);
    }

    #[test]
    fn any_bytes_decode_or_fail_with_an_offset_within_them(bytes: Vec<u8>) {
        for error in [
            decode_attributes(&bytes).err(),
            decode_events(&bytes).err(),
            decode_links(&bytes).err(),
        ] {
            prop_assert!(error.is_none_or(|error| error.offset <= bytes.len()));
        }
    }

    #[test]
    fn a_message_cut_or_changed_anywhere_does_no_harm(
        attributes in strategies::attributes(Content::Any),
        cut: prop::sample::Index,
        byte: u8,
    ) {
        let mut bytes = encoded(&attributes);
        bytes.push(0);
        let at = cut.index(bytes.len());
        let _ = decode_attributes(&bytes[..at]);
        bytes[at] = byte;
        let _ = decode_attributes(&bytes);
    }
}

/// Returns nested arrays with `depth` levels; the innermost is empty.
fn nested(depth: usize) -> Vec<u8> {
    let mut value = Vec::new();
    for _ in 0..depth {
        let mut array = Vec::new();
        writer::bytes(1, &value, &mut array);
        let mut outer = Vec::new();
        writer::bytes(5, &array, &mut outer);
        value = outer;
    }
    let mut key_value = Vec::new();
    writer::text(1, "deep", &mut key_value);
    writer::bytes(2, &value, &mut key_value);
    let mut list = Vec::new();
    writer::bytes(1, &key_value, &mut list);
    list
}

fn depth_of(mut value: &AttributeValue) -> (usize, &AttributeValue) {
    let mut depth = 1;
    while let AttributeValue::Array(values) = value
        && let Some(inner) = values.first()
    {
        depth += 1;
        value = inner;
    }
    (depth, value)
}

#[test]
fn a_value_nested_200_levels_ends_in_a_marker() {
    for levels in [200, 20_000] {
        let mut context = DecodeContext::for_request();
        let bytes = nested(levels);
        let attributes = any_value::decode_pairs(Reader::new(&bytes), 1, &mut context)
            .expect("reads")
            .into_set()
            .attributes;
        let deep = attributes.get("deep").expect("kept");
        assert_eq!(depth_of(deep), (MAX_DEPTH + 1, &TOO_DEEP.into()));
        assert!(context.repairs.kinds.contains(Repair::NestedTooDeep));
        assert_eq!(decode_attributes(&encoded(&attributes)), Ok(attributes));
    }
}

#[test]
fn a_value_of_the_maximum_depth_is_read_whole() {
    let mut context = DecodeContext::for_request();
    let bytes = nested(MAX_DEPTH - 1);
    let attributes = any_value::decode_pairs(Reader::new(&bytes), 1, &mut context)
        .expect("reads")
        .into_set()
        .attributes;
    let deep = attributes.get("deep").expect("kept");
    assert_eq!(depth_of(deep), (MAX_DEPTH, &AttributeValue::Empty));
    assert_eq!(context.take_repairs(), Repairs::NONE);
    assert_eq!(encoded(&attributes), bytes);
}

#[test]
fn a_value_beyond_the_maximum_depth_is_written_with_a_marker() {
    let mut value = AttributeValue::Empty;
    for _ in 0..100 {
        value = vec![value].into();
    }
    let attributes = [("deep", value)].into_iter().collect();
    let read = decode_attributes(&encoded(&attributes)).expect("reads");
    let (depth, end) = depth_of(read.get("deep").expect("kept"));
    assert_eq!((depth, end), (MAX_DEPTH + 1, &TOO_DEEP.into()));
}

#[test]
fn a_string_that_is_not_utf8_is_repaired_and_reported() {
    // KeyValue { key: "k", value: "a\xffb" }
    let bytes = b"\x0a\x0a\x0a\x01k\x12\x05\x0a\x03a\xffb";
    let mut context = DecodeContext::for_request();
    let attributes = any_value::decode_pairs(Reader::new(bytes), 1, &mut context)
        .expect("reads")
        .into_set()
        .attributes;
    assert_eq!(attributes.get_str("k"), Some("a\u{fffd}b"));
    assert_eq!(
        context.repairs.kinds,
        [Repair::InvalidUtf8].into_iter().collect()
    );
}

#[test]
fn the_last_value_of_a_repeated_key_wins_at_the_first_position() {
    for distinct in [3_i64, 100] {
        let mut bytes = Vec::new();
        for round in 0..3 {
            let attributes = (0..distinct).map(|at| (format!("key{at}"), at + 1000 * round));
            encode_attributes(&attributes.collect(), &mut bytes);
        }
        let expected: Attributes = (0..distinct)
            .map(|at| (format!("key{at}"), at + 2000))
            .collect();
        assert_eq!(decode_attributes(&bytes), Ok(expected));
    }
}

#[test]
fn a_hundred_thousand_keys_are_read_in_linear_time() {
    let attributes: Attributes = (0..100_000_i64).map(|at| (at.to_string(), at)).collect();
    let read = decode_attributes(&encoded(&attributes)).expect("reads");
    assert_eq!(read.len(), 100_000, "stored bytes have no limits");
    let mut context = DecodeContext::for_request();
    let bytes = encoded(&attributes);
    let set = any_value::decode_pairs(Reader::new(&bytes), 1, &mut context)
        .expect("reads")
        .into_set();
    assert_eq!(set.attributes.len(), SET_PAIRS);
    assert_eq!(set.left_out, 100_000 - SET_PAIRS);
    let nested: Attributes = [("map", AttributeValue::Map(attributes))]
        .into_iter()
        .collect();
    assert_eq!(decode_attributes(&encoded(&nested)), Ok(nested));
}

#[test]
fn an_error_names_the_byte_of_the_outermost_message() {
    // A KeyValue of 4 bytes whose value claims 9.
    let error = decode_attributes(b"\x0a\x04\x0a\x00\x12\x09").expect_err("too long");
    assert_eq!(
        error.to_string(),
        "at byte 6: a field of 9 bytes where 0 are left"
    );
    // The value's string_value is a varint.
    let error = decode_attributes(b"\x0a\x06\x0a\x00\x12\x02\x08\x01").expect_err("wrong type");
    assert_eq!(
        error.to_string(),
        "at byte 6: field 1 is not length-delimited"
    );
}

#[test]
fn invalid_protobuf_is_rejected() {
    for (bytes, kind) in [
        (&b"\x00\x00"[..], BinaryErrorKind::FieldNumber),
        (b"\x0f", BinaryErrorKind::WireType(7)),
        (b"\x80", BinaryErrorKind::Truncated),
        (b"\x09\x00", BinaryErrorKind::Truncated),
        (b"\x0c", BinaryErrorKind::Group),
        (b"\x0b\x08\x01", BinaryErrorKind::Group),
        (
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02",
            BinaryErrorKind::VarintTooLong,
        ),
    ] {
        assert_eq!(
            decode_attributes(bytes).expect_err("refused").kind,
            kind,
            "{bytes:?}"
        );
    }
}

#[test]
fn groups_and_unknown_fields_of_any_depth_are_skipped() {
    let mut bytes = vec![0x0b; 100_000];
    bytes.resize(200_000, 0x0c);
    bytes.extend(b"\x48\x05\x0a\x08\x0a\x01k\x12\x03\x0a\x01v");
    let attributes = decode_attributes(&bytes).expect("reads");
    assert_eq!(attributes.get_str("k"), Some("v"));
    assert_eq!(attributes.len(), 1);
}

#[test]
fn an_invalid_id_of_a_link_is_named_in_the_error() {
    let error = decode_links(b"\x0a\x00").expect_err("no ids");
    let field = "trace_id";
    assert_eq!(
        error.kind,
        BinaryErrorKind::Id {
            field,
            error: IdError::Length(32)
        }
    );
}

#[test]
fn not_a_number_keeps_its_bits() {
    let bits = 0x7ff8_0000_0000_1234;
    let attributes = [("nan", f64::from_bits(bits))].into_iter().collect();
    match decode_attributes(&encoded(&attributes))
        .expect("reads")
        .get("nan")
    {
        Some(AttributeValue::Double(number)) => assert_eq!(number.to_bits(), bits),
        other => panic!("{other:?}"),
    }
}

#[test]
fn attributes_are_found_without_decoding_in_any_encoding() {
    let attributes: Attributes = [
        ("k", AttributeValue::from("text")),
        ("long", "ä".repeat(300).into()),
        ("number", 5_i64.into()),
        ("", "of no name".into()),
    ]
    .into_iter()
    .collect();
    let mut shortest = Vec::new();
    encode_attributes(&attributes, &mut shortest);
    // The same key and text, with longer encodings of the lengths than necessary, and the value
    // first.
    let other = [
        &[0x0a, 0x8c, 0x00, 0x12, 0x87, 0x00, 0x0a, 0x84, 0x00][..],
        b"text",
        &[0x0a, 0x01],
        b"k",
    ]
    .concat();
    for bytes in [shortest.clone(), [shortest, other].concat()] {
        let found: Vec<_> = attributes_in(&bytes).collect();
        let keys = found.iter().map(|(key, _)| *key).take(4);
        assert!(keys.eq(["k".as_bytes(), b"long", b"number", b""]));
        for ((key, value), (_, sent)) in found.iter().zip(attributes.iter()) {
            assert_eq!(value.decode().as_ref(), Some(sent), "{key:?}");
        }
        assert_eq!(found[2].1.text_at(), None);
        for at in [0, 1, 3, 4] {
            let Some((_, value)) = found.get(at) else {
                continue;
            };
            let (offset, text) = value.text_at().expect("a text");
            assert_eq!(&bytes[offset..][..text.len()], text.as_bytes());
        }
        if let Some((key, value)) = found.get(4) {
            assert_eq!((*key, value.as_str()), (&b"k"[..], Some("text")));
        }
    }
}
