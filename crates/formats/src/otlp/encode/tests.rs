//! Tests that both our decoder and the official one read back the encoded data unchanged.

mod logs;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use proptest::collection::vec;
use proptest::prelude::*;
use throughline_testkit::NOW;
use throughline_testkit::strategies::{Content, attributes, span, text};
use throughline_wire::{InstrumentationScope, Limits, Resource, Span, SpanKind, Status, UnixNanos};

use super::{SpansOf, encode_json};
use crate::otlp::decode_json;

const VALID: Content = Content::Valid;

prop_compose! {
    fn resource()(attributes in attributes(VALID), dropped in any::<u32>(), url in text(VALID)) -> Resource {
        Resource { attributes, dropped_attributes_count: dropped, schema_url: url.into() }
    }
}

prop_compose! {
    fn scope()(
        name in text(VALID), version in text(VALID), attributes in attributes(VALID), dropped in any::<u32>(),
        url in text(VALID),
    ) -> InstrumentationScope {
        InstrumentationScope {
            name: name.into(),
            version: version.into(),
            attributes,
            dropped_attributes_count: dropped,
            schema_url: url.into(),
        }
    }
}

/// Returns everything as text, so that NaN equals NaN and -0.0 does not equal 0.0.
fn shown<T: core::fmt::Debug>(
    resource: &Resource,
    scope: &InstrumentationScope,
    items: &[T],
) -> String {
    format!("{resource:#?} {scope:#?} {items:#?}")
}

/// Returns the text without non-finite doubles. The official decoder does not know their form.
fn without_odd_numbers(json: Vec<u8>) -> String {
    let json = String::from_utf8(json).expect("text");
    ["NaN", "Infinity", "-Infinity"]
        .iter()
        .fold(json, |json, word| {
            json.replace(
                &format!("\"doubleValue\":\"{word}\""),
                "\"doubleValue\":0.5",
            )
        })
}

/// Returns limits that accept any time, because a file may be old.
fn patient() -> Limits {
    Limits {
        unmarked_behind_ns: i64::MAX,
        ..Limits::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn encoded_items_are_read_back_unchanged(
        resource in resource(),
        groups in vec((scope(), vec(span(VALID), 1..3)), 1..3),
    ) {
        let written: Vec<SpansOf<'_>> = groups
            .iter()
            .map(|(scope, spans)| SpansOf {
                resource: &resource,
                scope,
                items: spans.iter().collect(),
            })
            .collect();
        let json = encode_json(&written);
        prop_assert!(!json.contains(&b'\n'), "one line");
        let read = decode_json(&json).expect("a request");
        let read = read.validate(&patient(), NOW);
        prop_assert_eq!(read.rejected.len(), 0);
        prop_assert_eq!(read.groups.len(), groups.len());
        for (read, (scope, spans)) in read.groups.iter().zip(&groups) {
            prop_assert_eq!(
                shown(&read.resource, &read.scope, &read.spans),
                shown(&resource, scope, spans)
            );
        }
    }

    #[test]
    fn the_official_decoder_reads_it_too(scope in scope(), spans in vec(span(VALID), 1..3)) {
        let resource = Resource::of_service("shop");
        let spans_of = SpansOf { resource: &resource, scope: &scope, items: spans.iter().collect() };
        let json = without_odd_numbers(encode_json(&[spans_of]));
        let read: ExportTraceServiceRequest = serde_json::from_str(&json).expect("a request");
        let read = &read.resource_spans[0].scope_spans[0].spans;
        for (read, span) in read.iter().zip(&spans) {
            prop_assert_eq!(&read.trace_id[..], &span.trace_id.to_bytes()[..]);
            prop_assert_eq!(&read.name, &span.name);
            prop_assert_eq!(read.start_time_unix_nano as i64, span.start.get());
            prop_assert_eq!(read.attributes.len(), span.attributes.len());
            prop_assert_eq!(read.events.len(), span.events.len());
        }
    }
}

#[test]
fn the_encoding_follows_the_otlp_specification() {
    let resource = Resource::of_service("shop");
    let scope = InstrumentationScope::default();
    let mut span = Span {
        trace_id: "5b8efff798038103d269b633813fc60c".parse().expect("an id"),
        span_id: "eee19b7ec3c1b174".parse().expect("an id"),
        name: "GET /".into(),
        kind: SpanKind::Server,
        start: UnixNanos::new(1_544_712_660_000_000_001),
        end: UnixNanos::new(1_544_712_661_000_000_000),
        status: Status::error("no"),
        ..crate::request::blank_span()
    };
    span.attributes.insert("count", 9_007_199_254_740_993_i64);
    span.attributes.insert("none", f64::NAN);
    span.attributes.insert("bytes", vec![0_u8, 255]);
    let spans_of = SpansOf {
        resource: &resource,
        scope: &scope,
        items: vec![&span],
    };
    let json = String::from_utf8(encode_json(&[spans_of])).expect("text");
    assert_eq!(
        json,
        concat!(
            r#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","#,
            r#""value":{"stringValue":"shop"}}]},"scopeSpans":[{"scope":{},"spans":[{"#,
            r#""traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","#,
            r#""name":"GET /","kind":2,"startTimeUnixNano":"1544712660000000001","#,
            r#""endTimeUnixNano":"1544712661000000000","attributes":[{"key":"count","#,
            r#""value":{"intValue":"9007199254740993"}},{"key":"none","value":{"doubleValue":"#,
            r#""NaN"}},{"key":"bytes","value":{"bytesValue":"AP8="}}],"status":{"message":"no","#,
            r#""code":2}}]}]}]}"#
        )
    );
}
