//! Tests which spans are recognised, and that the result equals that of decoding and validation.

use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, KeyValue, KeyValueList, any_value::Value,
};
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{Span, Status};
use prost::Message as _;
use throughline_wire::Limits;
use throughline_wire::attribute::TOO_DEEP;
use throughline_wire::{AttributeValue, SpanId, StatusCode, UnixNanos, semconv};

use super::{MAX_VALUE_BYTES, PackedSpans};
use crate::binary;

const NOW_NS: u64 = 1_700_000_000_000_000_000;

fn any(value: Value) -> AnyValue {
    AnyValue { value: Some(value) }
}

fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(any(value)),
        ..KeyValue::default()
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    pair(key, Value::StringValue(value.to_owned()))
}

/// Returns a span with every field set, as an SDK sends it.
fn span() -> Span {
    Span {
        trace_id: vec![1; 16],
        span_id: vec![2; 8],
        parent_span_id: vec![3; 8],
        trace_state: "vendor=opaque".into(),
        flags: 0x101,
        name: "GET /größe".into(),
        kind: 2,
        start_time_unix_nano: NOW_NS - 2_000,
        end_time_unix_nano: NOW_NS - 1_000,
        attributes: vec![
            text("user.id", "käthe"),
            pair("empty", Value::StringValue(String::new())),
            pair("yes", Value::BoolValue(true)),
            pair("no", Value::BoolValue(false)),
            pair("least", Value::IntValue(i64::MIN)),
            pair("status", Value::IntValue(200)),
            pair("ratio", Value::DoubleValue(-0.5)),
            pair("raw", Value::BytesValue(vec![0, 255])),
            pair(
                "list",
                Value::ArrayValue(ArrayValue {
                    values: vec![any(Value::StringValue("a".into())), any(Value::IntValue(1))],
                }),
            ),
        ],
        dropped_attributes_count: 1,
        events: vec![Event {
            time_unix_nano: NOW_NS - 1_500,
            name: "exception".into(),
            attributes: vec![text("exception.message", "no")],
            dropped_attributes_count: 4,
        }],
        dropped_events_count: 2,
        links: vec![Link {
            trace_id: vec![4; 16],
            span_id: vec![5; 8],
            trace_state: "a=b".into(),
            attributes: vec![text("why", "retry")],
            dropped_attributes_count: 5,
            flags: 1,
        }],
        dropped_links_count: 3,
        status: Some(Status {
            code: 2,
            message: "boom".into(),
        }),
    }
}

fn is_recognised(bytes: &[u8], limits: &Limits) -> bool {
    let mut spans = PackedSpans::default();
    let is_recognised = spans.push_otlp(bytes, limits, UnixNanos::new(NOW_NS as i64));
    assert_eq!(spans.len(), usize::from(is_recognised));
    if !is_recognised {
        assert!(spans.texts.is_empty() && spans.bytes.is_empty());
    }
    is_recognised
}

fn changed(change: impl FnOnce(&mut Span)) -> bool {
    let mut span = span();
    change(&mut span);
    is_recognised(&span.encode_to_vec(), &Limits::default())
}

fn with_attribute(attribute: KeyValue) -> bool {
    changed(|span| span.attributes.push(attribute))
}

#[test]
fn an_ordinary_span_is_packed_unchanged() {
    let mut spans = PackedSpans::default();
    let now = UnixNanos::new(NOW_NS as i64);
    let (first, second) = (
        span(),
        Span {
            name: "other".into(),
            ..span()
        },
    );
    for span in [&first, &second] {
        assert!(spans.push_otlp(&span.encode_to_vec(), &Limits::default(), now));
    }
    let packed: Vec<_> = spans.iter().collect();
    assert_eq!((packed[0].name, packed[1].name), ("GET /größe", "other"));
    for packed in packed {
        assert_eq!(packed.trace_id.to_bytes(), [1; 16]);
        assert_eq!(packed.span_id.to_bytes(), [2; 8]);
        assert_eq!(packed.parent_span_id.map(SpanId::to_bytes), Some([3; 8]));
        assert_eq!(packed.trace_state, "vendor=opaque");
        assert_eq!((packed.flags, packed.kind.code()), (0x101, 2));
        assert_eq!(packed.duration_ns(), 1_000);
        assert_eq!(
            (packed.status, packed.status_message),
            (StatusCode::Error, "boom")
        );
        let dropped = [
            packed.dropped_attributes_count,
            packed.dropped_events_count,
            packed.dropped_links_count,
        ];
        assert_eq!(dropped, [1, 2, 3]);

        let attributes = binary::decode_attributes(packed.attributes).expect("decodes");
        assert_eq!(attributes.len(), 9);
        let mut again = Vec::new();
        binary::encode_attributes(&attributes, &mut again);
        assert_eq!(again, packed.attributes);

        let events = binary::decode_events(packed.events).expect("decodes");
        assert_eq!(
            events[0].attributes.get_str("exception.message"),
            Some("no")
        );
        let mut again = Vec::new();
        binary::encode_events(&events, &mut again);
        assert_eq!(again, packed.events);

        let links = binary::decode_links(packed.links).expect("decodes");
        assert_eq!((links[0].flags, links[0].dropped_attributes_count), (1, 5));
        let mut again = Vec::new();
        binary::encode_links(&links, &mut again);
        assert_eq!(again, packed.links);
    }
}

#[test]
fn attributes_are_read_one_by_one_without_the_others() {
    let mut spans = PackedSpans::default();
    let now = UnixNanos::new(NOW_NS as i64);
    assert!(spans.push_otlp(&span().encode_to_vec(), &Limits::default(), now));
    let packed = spans.iter().next().expect("one");
    let of = |wanted: &str| {
        let mut attributes = packed.attributes();
        let found = attributes.find(|(key, _)| *key == wanted.as_bytes());
        found.expect("is there").1
    };
    assert_eq!(of("user.id").as_str(), Some("käthe"));
    assert_eq!(of("status").as_str(), None);
    assert_eq!(of("status").decode(), Some(AttributeValue::Int(200)));
    assert_eq!(packed.attributes().count(), 9);
}

#[test]
fn a_span_that_validation_would_change_is_not_packed() {
    assert!(changed(|_| {}));
    assert!(changed(
        |span| span.start_time_unix_nano -= 3 * 86_400_000_000_000
    ));
    let refused: [fn(&mut Span); 20] = [
        |span| span.trace_id = vec![0; 16],
        |span| span.trace_id = vec![1; 15],
        |span| span.span_id = vec![0; 8],
        |span| span.parent_span_id = vec![1; 4],
        |span| span.parent_span_id = vec![2; 8],
        |span| span.name = "a\0b".into(),
        |span| span.name = "x".repeat(1025),
        |span| span.trace_state = "x".repeat(17_000),
        |span| span.start_time_unix_nano = 0,
        |span| span.start_time_unix_nano = u64::MAX,
        |span| span.end_time_unix_nano = span.start_time_unix_nano - 1,
        |span| span.end_time_unix_nano = 0,
        |span| span.start_time_unix_nano = NOW_NS + 400_000_000_000,
        |span| span.end_time_unix_nano = NOW_NS + 90_000_000_000_000,
        |span| {
            span.start_time_unix_nano -= 3 * 86_400_000_000_000;
            span.end_time_unix_nano -= 3 * 86_400_000_000_000;
        },
        |span| span.events[0].time_unix_nano = 0,
        |span| span.events[0].name = "a\0b".into(),
        |span| span.links[0].span_id = vec![],
        |span| span.attributes = vec![text("k", "1"); 2],
        |span| span.events = vec![span.events[0].clone(); 1025],
    ];
    for (at, change) in refused.into_iter().enumerate() {
        assert!(!changed(change), "change {at}");
    }
}

#[test]
fn a_span_with_a_non_canonical_or_large_value_is_not_packed() {
    assert!(with_attribute(text("k", &"x".repeat(MAX_VALUE_BYTES - 3))));
    assert!(!with_attribute(text("k", &"x".repeat(MAX_VALUE_BYTES))));
    assert!(!with_attribute(text("k", "a\0b")));
    assert!(!with_attribute(text("", "no key")));
    assert!(!with_attribute(text("a\0b", "v")));
    assert!(!with_attribute(text(&"k".repeat(257), "v")));
    assert!(!with_attribute(text(semconv::REPAIRS, "v")));
    assert!(!with_attribute(text(semconv::SENT_END_NS, "v")));
    assert!(!with_attribute(KeyValue {
        key: "k".into(),
        ..KeyValue::default()
    }));
    let map = Value::KvlistValue(KeyValueList {
        values: vec![text("a", "b")],
    });
    assert!(!with_attribute(pair("k", map)));
    let cut = Value::StringValue(TOO_DEEP.into());
    let array = Value::ArrayValue(ArrayValue {
        values: vec![any(cut)],
    });
    assert!(!with_attribute(pair("k", array)));
}

/// Replaces the first `from` in the bytes of an ordinary span; both have the same length. Returns
/// true if the result is recognised.
fn patched(from: &[u8], to: &[u8]) -> bool {
    let mut bytes = span().encode_to_vec();
    let at = bytes.windows(from.len()).position(|window| window == from);
    let at = at.expect("is there");
    bytes[at..at + from.len()].copy_from_slice(to);
    is_recognised(&bytes, &Limits::default())
}

#[test]
fn a_span_in_a_non_canonical_encoding_is_not_packed() {
    // A bool of 2, a two-byte encoding of a one-byte length, a text that is not UTF-8.
    assert!(!patched(
        b"\x0a\x03yes\x12\x02\x10\x01",
        b"\x0a\x03yes\x12\x02\x10\x02"
    ));
    assert!(!patched(b"\x12\x02\x0a\x00", b"\x12\x80\x00\x0a"));
    assert!(!patched("käthe".as_bytes(), b"k\xff\xffthe"));
    // An unknown field after the value.
    assert!(!patched(b"\x12\x03\x18\xc8\x01", b"\x12\x01\x18\xc8\x01"));
}

#[test]
fn a_span_with_split_lists_or_damage_is_not_packed() {
    let mut bytes = span().encode_to_vec();
    assert!(is_recognised(&bytes, &Limits::default()));
    // Another attribute after the links.
    let more = Span {
        attributes: vec![text("more", "v")],
        ..Span::default()
    };
    bytes.extend(more.encode_to_vec());
    assert!(!is_recognised(&bytes, &Limits::default()));
    let whole = span().encode_to_vec();
    for end in [1, 17, 40, whole.len() - 1] {
        assert!(
            !is_recognised(&whole[..end], &Limits::default()),
            "cut at {end}"
        );
    }
}

#[test]
fn packing_respects_narrow_limits() {
    let bytes = span().encode_to_vec();
    let narrow: [fn(&mut Limits); 6] = [
        |limits| limits.attributes = 8,
        |limits| limits.events = 0,
        |limits| limits.links = 0,
        |limits| limits.name_chars = 5,
        |limits| limits.key_chars = 3,
        |limits| limits.value_bytes = 6,
    ];
    for (at, change) in narrow.into_iter().enumerate() {
        let mut limits = Limits::default();
        change(&mut limits);
        assert!(!is_recognised(&bytes, &limits), "limit {at}");
    }
}
