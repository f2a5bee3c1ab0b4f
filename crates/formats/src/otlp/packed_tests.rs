//! Tests that a packed span equals a decoded and validated one, byte for byte.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use proptest::prelude::*;
use prost::Message as _;
use throughline_codec::binary;
use throughline_codec::packed::PackedSpan;
use throughline_wire::Limits;
use throughline_wire::{Span, StatusCode, UnixNanos};

use super::protobuf::{self, Packing};
use super::tests::{NOW_NS, request};
use crate::{Signal, Validated};

fn limits() -> Limits {
    Limits {
        unmarked_behind_ns: i64::MAX,
        ..Limits::default()
    }
}

fn now() -> UnixNanos {
    UnixNanos::new(NOW_NS as i64)
}

/// Reads the request both ways. Returns `None` if it is not a request.
fn both(bytes: &[u8]) -> Option<(Validated, Validated)> {
    let limits = limits();
    let packing = Packing {
        limits: &limits,
        now: now(),
    };
    let decoded = protobuf::decode(Signal::Traces, bytes, None);
    let packed = protobuf::decode(Signal::Traces, bytes, Some(packing));
    assert_eq!(packed.as_ref().err(), decoded.as_ref().err());
    Some((
        decoded.ok()?.validate(&limits, now()),
        packed.ok()?.validate(&limits, now()),
    ))
}

/// The stored parts of a span.
#[derive(Debug, PartialEq)]
struct Stored {
    ids: (Vec<u8>, Vec<u8>, Option<Vec<u8>>),
    texts: [String; 3],
    times: (UnixNanos, i64),
    codes: (u8, StatusCode, u32),
    dropped: [u32; 3],
    lists: [Vec<u8>; 3],
}

fn of_decoded(span: &Span) -> Stored {
    let mut lists = [vec![], vec![], vec![]];
    binary::encode_attributes(&span.attributes, &mut lists[0]);
    binary::encode_events(&span.events, &mut lists[1]);
    binary::encode_links(&span.links, &mut lists[2]);
    Stored {
        ids: (
            span.trace_id.to_bytes().to_vec(),
            span.span_id.to_bytes().to_vec(),
            span.parent_span_id.map(|id| id.to_bytes().to_vec()),
        ),
        texts: [&span.name, &span.trace_state, &span.status.message].map(ToString::to_string),
        times: (span.start, span.duration_ns()),
        codes: (span.kind.code(), span.status.code, span.flags),
        dropped: [
            span.dropped_attributes_count,
            span.dropped_events_count,
            span.dropped_links_count,
        ],
        lists,
    }
}

fn of_packed(span: &PackedSpan<'_>) -> Stored {
    Stored {
        ids: (
            span.trace_id.to_bytes().to_vec(),
            span.span_id.to_bytes().to_vec(),
            span.parent_span_id.map(|id| id.to_bytes().to_vec()),
        ),
        texts: [span.name, span.trace_state, span.status_message].map(str::to_owned),
        times: (span.start, span.duration_ns()),
        codes: (span.kind.code(), span.status, span.flags),
        dropped: [
            span.dropped_attributes_count,
            span.dropped_events_count,
            span.dropped_links_count,
        ],
        lists: [span.attributes, span.events, span.links].map(<[u8]>::to_vec),
    }
}

/// Returns the stored parts of each span, with the index of the span in the request.
fn stored(validated: &Validated) -> Vec<(usize, Stored)> {
    let spans = validated.groups.iter().flat_map(|group| {
        let decoded = group.spans.iter().map(of_decoded);
        decoded.chain(group.packed.iter().map(|span| of_packed(&span)))
    });
    let mut stored: Vec<_> = validated.indexes.iter().copied().zip(spans).collect();
    stored.sort_by_key(|(index, _)| *index);
    stored
}

fn packed_count(validated: &Validated) -> usize {
    let groups = validated.groups.iter();
    groups.map(|group| group.packed.len()).sum()
}

fn check(bytes: &[u8]) {
    if let Some((decoded, packed)) = both(bytes) {
        assert_eq!(packed_count(&decoded), 0);
        assert_eq!(stored(&packed), stored(&decoded));
        assert_eq!(packed.rejected, decoded.rejected);
        let indexes = |validated: &Validated| validated.indexes.len();
        assert_eq!(indexes(&packed), indexes(&decoded));
    }
}

/// Changes the attributes to those of a normal sender: distinct keys and plain values.
fn tame(attributes: &mut [KeyValue]) {
    for (at, attribute) in attributes.iter_mut().enumerate() {
        attribute.key = format!("{at} {}", attribute.key);
        let value = attribute.value.as_mut().and_then(|any| any.value.as_mut());
        match value {
            Some(value @ Value::KvlistValue(_)) => *value = Value::BoolValue(true),
            Some(Value::ArrayValue(array)) => {
                for item in &mut array.values {
                    if let Some(Value::ArrayValue(_) | Value::KvlistValue(_)) = item.value {
                        item.value = Some(Value::DoubleValue(f64::NAN));
                    }
                }
            }
            _ => {}
        }
    }
}

fn tamed(mut request: ExportTraceServiceRequest) -> ExportTraceServiceRequest {
    let scopes = request
        .resource_spans
        .iter_mut()
        .flat_map(|spans| &mut spans.scope_spans);
    for span in scopes.flat_map(|scope| &mut scope.spans) {
        tame(&mut span.attributes);
        for event in &mut span.events {
            tame(&mut event.attributes);
        }
        for link in &mut span.links {
            tame(&mut link.attributes);
        }
    }
    request
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn requests_of_the_official_encoder_are_stored_equally_packed_and_decoded(request in request()) {
        check(&request.encode_to_vec());
    }

    #[test]
    fn requests_of_real_senders_are_packed_and_stored_equally(request in request().prop_map(tamed)) {
        let bytes = request.encode_to_vec();
        check(&bytes);
        let (_, packed) = both(&bytes).expect("a request");
        prop_assert_eq!(packed_count(&packed), packed.indexes.len());
    }

    #[test]
    fn a_damaged_request_is_stored_equally_packed_and_decoded(
        request in request().prop_map(tamed),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = request.encode_to_vec();
        if !bytes.is_empty() {
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            check(&bytes);
        }
    }
}
