//! Tests of spans: the output of the official encoder.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use proptest::collection::vec;
use proptest::prelude::*;
use throughline_wire::{SpanEvent, SpanId, SpanKind, SpanLink, StatusCode, TraceId};

use super::{Decoders, NOW_NS, attributes, damaged, id, meant_all, nothing_is_a_panic, text, time};
use crate::otlp::{decode_json, decode_protobuf};

fn event() -> impl Strategy<Value = Event> {
    (1..NOW_NS, text(), attributes(), any::<u32>()).prop_map(
        |(time_unix_nano, name, attributes, dropped_attributes_count)| Event {
            time_unix_nano,
            name,
            attributes,
            dropped_attributes_count,
        },
    )
}

fn link() -> impl Strategy<Value = Link> {
    (
        id(16),
        id(8),
        text(),
        attributes(),
        any::<u32>(),
        any::<u32>(),
    )
        .prop_map(
            |(trace_id, span_id, trace_state, attributes, dropped_attributes_count, flags)| Link {
                trace_id,
                span_id,
                trace_state,
                attributes,
                dropped_attributes_count,
                flags,
            },
        )
}

prop_compose! {
    fn span()(
        (trace_id, span_id, parent_span_id) in (id(16), id(8), prop_oneof![Just(vec![]), id(8)]),
        (name, trace_state, message) in (text(), text(), text()),
        (kind, code, flags, counts) in (0..6_i32, 0..3_i32, any::<u32>(), any::<[u32; 3]>()),
        (start_time_unix_nano, length) in (1..NOW_NS, 0..1_000_000_000_u64),
        (attributes, events, links) in (attributes(), vec(event(), 0..3), vec(link(), 0..3)),
    ) -> Span {
        Span {
            trace_id, span_id, parent_span_id, name, trace_state, kind, flags,
            start_time_unix_nano,
            end_time_unix_nano: start_time_unix_nano + length,
            attributes, events, links,
            dropped_attributes_count: counts[0],
            dropped_events_count: counts[1],
            dropped_links_count: counts[2],
            status: Some(Status { message, code }),
        }
    }
}

pub(in crate::otlp) fn request() -> impl Strategy<Value = ExportTraceServiceRequest> {
    let scope = (text(), text(), attributes(), any::<u32>()).prop_map(
        |(name, version, attributes, dropped_attributes_count)| InstrumentationScope {
            name,
            version,
            attributes,
            dropped_attributes_count,
        },
    );
    let scope_spans = (proptest::option::of(scope), vec(span(), 0..3), text()).prop_map(
        |(scope, spans, schema_url)| ScopeSpans {
            scope,
            spans,
            schema_url,
        },
    );
    let resource_spans = (attributes(), any::<u32>(), vec(scope_spans, 0..3), text()).prop_map(
        |(attributes, dropped_attributes_count, scope_spans, schema_url)| ResourceSpans {
            resource: Some(Resource {
                attributes,
                dropped_attributes_count,
                ..Resource::default()
            }),
            scope_spans,
            schema_url,
        },
    );
    vec(resource_spans, 0..3)
        .prop_map(|resource_spans| ExportTraceServiceRequest { resource_spans })
}

/// Converts the official type independently of the decoder, as the expected result.
fn meant_span(span: &Span) -> throughline_wire::Span {
    let status = span.status.clone().expect("set");
    throughline_wire::Span {
        trace_id: TraceId::from_slice(&span.trace_id).expect("valid"),
        span_id: SpanId::from_slice(&span.span_id).expect("valid"),
        parent_span_id: SpanId::from_slice(&span.parent_span_id).ok(),
        trace_state: span.trace_state.clone().into(),
        flags: span.flags,
        name: span.name.clone().into(),
        kind: SpanKind::from_code(span.kind.into()),
        start: time(span.start_time_unix_nano),
        end: time(span.end_time_unix_nano),
        status: throughline_wire::Status {
            code: StatusCode::from_code(status.code.into()),
            message: status.message.into(),
        },
        attributes: meant_all(&span.attributes),
        dropped_attributes_count: span.dropped_attributes_count,
        events: span
            .events
            .iter()
            .map(|event| SpanEvent {
                time: time(event.time_unix_nano),
                name: event.name.clone().into(),
                attributes: meant_all(&event.attributes),
                dropped_attributes_count: event.dropped_attributes_count,
            })
            .collect(),
        dropped_events_count: span.dropped_events_count,
        links: span
            .links
            .iter()
            .map(|link| SpanLink {
                trace_id: TraceId::from_slice(&link.trace_id).expect("valid"),
                span_id: SpanId::from_slice(&link.span_id).expect("valid"),
                trace_state: link.trace_state.clone().into(),
                flags: link.flags,
                attributes: meant_all(&link.attributes),
                dropped_attributes_count: link.dropped_attributes_count,
            })
            .collect(),
        dropped_links_count: span.dropped_links_count,
        sequence: None,
    }
}

const DECODERS: Decoders = Decoders {
    protobuf: decode_protobuf,
    json: decode_json,
};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn requests_of_the_official_encoder_are_decoded_correctly(request in request()) {
        let validated = DECODERS.read(&request);
        let spans: Vec<_> = validated.groups.into_iter().flat_map(|group| group.spans).collect();
        let meant: Vec<_> = request
            .resource_spans
            .iter()
            .flat_map(|spans| &spans.scope_spans)
            .flat_map(|spans| &spans.spans)
            .map(meant_span)
            .collect();
        prop_assert_eq!(spans, meant);
    }
}

nothing_is_a_panic!(DECODERS, request());
