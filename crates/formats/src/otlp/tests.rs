//! Our decoders against the official encoder, and what each of them makes of oddities.

mod bounds;
mod logs;
mod oddities;
mod spans;

use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, KeyValue, KeyValueList, any_value::Value,
};
use proptest::collection::vec;
use proptest::prelude::*;
use prost::Message;
use serde::Serialize;
use throughline_wire::Limits;
use throughline_wire::{AttributeValue, Attributes, UnixNanos};

pub(super) use self::spans::request;
use crate::{DecodeError, Request, Validated};

pub(super) const NOW_NS: u64 = 1_700_000_000_000_000_000;

fn text() -> impl Strategy<Value = String> {
    "[^\\x00]{0,12}"
}

fn value() -> impl Strategy<Value = AnyValue> {
    let leaf = prop_oneof![
        text().prop_map(Value::StringValue),
        any::<bool>().prop_map(Value::BoolValue),
        any::<i64>().prop_map(Value::IntValue),
        // Finite ones: the official JSON encoder has no form for the others.
        any::<f64>()
            .prop_filter("finite", |number| number.is_finite())
            .prop_map(Value::DoubleValue),
        vec(any::<u8>(), 0..20).prop_map(Value::BytesValue),
    ]
    .prop_map(|value| AnyValue { value: Some(value) });
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|values| AnyValue {
                value: Some(Value::ArrayValue(ArrayValue { values }))
            }),
            vec((text(), inner), 0..4).prop_map(|pairs| AnyValue {
                value: Some(Value::KvlistValue(KeyValueList {
                    values: key_values(pairs)
                }))
            }),
        ]
    })
}

fn key_values(pairs: Vec<(String, AnyValue)>) -> Vec<KeyValue> {
    pairs
        .into_iter()
        .map(|(key, value)| KeyValue {
            key,
            value: Some(value),
            ..KeyValue::default()
        })
        .collect()
}

fn attributes() -> impl Strategy<Value = Vec<KeyValue>> {
    vec((text(), value()), 0..4).prop_map(key_values)
}

fn id(length: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), length).prop_filter("zero", |id| id.iter().any(|byte| *byte != 0))
}

fn meant(value: &AnyValue) -> AttributeValue {
    match value.value.as_ref().expect("set") {
        Value::StringValue(text) => text.clone().into(),
        Value::BoolValue(truth) => (*truth).into(),
        Value::IntValue(number) => (*number).into(),
        Value::DoubleValue(number) => (*number).into(),
        Value::BytesValue(bytes) => bytes.clone().into(),
        Value::ArrayValue(array) => array.values.iter().map(meant).collect::<Vec<_>>().into(),
        Value::KvlistValue(list) => AttributeValue::Map(meant_all(&list.values)),
        Value::StringValueStrindex(_) => unreachable!("not generated"),
    }
}

fn meant_all(pairs: &[KeyValue]) -> Attributes {
    let mut attributes = Attributes::default();
    for pair in pairs {
        attributes.insert(pair.key.clone(), meant(pair.value.as_ref().expect("set")));
    }
    attributes
}

fn time(ns: u64) -> UnixNanos {
    UnixNanos::from_u64(ns).expect("in range")
}

fn validated(request: Request) -> Validated {
    // Nothing is ahead, and nothing so old that it is marked.
    let limits = Limits {
        unmarked_behind_ns: i64::MAX,
        ..Limits::default()
    };
    request.validate(&limits, time(NOW_NS))
}

type Decode = fn(&[u8]) -> Result<Request, DecodeError>;

/// How requests of one kind are read, and what must hold of it.
struct Decoders {
    protobuf: Decode,
    json: Decode,
}

impl Decoders {
    /// What both make of `request` as the official encoders write it; it is the same.
    fn read<R: Message + Serialize>(&self, request: &R) -> Validated {
        let read = (self.protobuf)(&request.encode_to_vec()).expect("protobuf");
        let text = serde_json::to_string(request).expect("encodes");
        assert_eq!(read, (self.json)(text.as_bytes()).expect("JSON"), "{text}");
        let validated = validated(read);
        assert_eq!(validated.rejected, []);
        validated
    }

    /// Any bytes are a request or an error.
    fn survive(&self, bytes: &[u8]) {
        let _ = (self.protobuf)(bytes).map(validated);
        let _ = (self.json)(bytes).map(validated);
    }
}

/// Properties that hold of all `$decoders` of requests that `$request` draws.
macro_rules! nothing_is_a_panic {
    ($decoders:expr, $request:expr) => {
        proptest::proptest! {
            #![proptest_config(ProptestConfig::with_cases(128))]

            #[test]
            fn any_bytes_are_a_request_or_an_error(bytes in vec(any::<u8>(), 0..200)) {
                $decoders.survive(&bytes);
            }

            #[test]
            fn a_damaged_request_is_a_request_or_an_error(
                request in $request,
                at in any::<prop::sample::Index>(),
                byte: u8,
            ) {
                for bytes in damaged(&request, at, byte) {
                    $decoders.survive(&bytes);
                }
            }
        }
    };
}
use nothing_is_a_panic;

/// The request with one byte changed, and cut off there; nothing of an empty one.
fn damaged(request: &impl Message, at: prop::sample::Index, byte: u8) -> Vec<Vec<u8>> {
    let mut bytes = request.encode_to_vec();
    if bytes.is_empty() {
        return Vec::new();
    }
    let at = at.index(bytes.len());
    bytes[at] = byte;
    let cut = bytes[..at].to_vec();
    vec![bytes, cut]
}
