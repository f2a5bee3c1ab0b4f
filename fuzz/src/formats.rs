//! The parsers of `crates/formats`: what they read can be written as OTLP JSON and reads back
//! without a further repair.

use throughline_formats::otlp::{SpansOf, decode_json, decode_protobuf, encode_json};
use throughline_formats::{Request, Validated, jaeger};
use throughline_wire::UnixNanos;
use throughline_wire::validate::Limits;

const NOW: UnixNanos = UnixNanos::new(1_767_225_605_000_000_000);

/// OTLP traces in JSON.
pub fn otlp_json(body: &[u8]) {
    if let Ok(request) = decode_json(body) {
        settles(request);
    }
}

/// OTLP traces in protobuf.
pub fn otlp_protobuf(body: &[u8]) {
    if let Ok(request) = decode_protobuf(body) {
        settles(request);
    }
}

/// Jaeger's JSON.
pub fn jaeger_json(body: &[u8]) {
    if let Ok(request) = jaeger::decode(body) {
        settles(request);
    }
}

fn settles(request: Request) {
    let limits = Limits {
        name_chars: 8,
        key_chars: 8,
        value_bytes: 80,
        attributes: 4,
        events: 2,
        links: 2,
        ..Limits::default()
    };
    let once = request.validate(&limits, NOW);
    assert_eq!(
        once.places.len(),
        once.groups
            .iter()
            .map(|group| group.spans.len())
            .sum::<usize>()
    );
    let written = write(&once);
    let again = decode_json(&written)
        .expect("what was written is a request")
        .validate(&limits, NOW);
    assert!(again.rejected.is_empty());
    assert_eq!(
        String::from_utf8_lossy(&written),
        String::from_utf8_lossy(&write(&again))
    );
}

fn write(validated: &Validated) -> Vec<u8> {
    let groups: Vec<SpansOf<'_>> = validated
        .groups
        .iter()
        .map(|group| SpansOf {
            resource: &group.resource,
            scope: &group.scope,
            spans: group.spans.iter().collect(),
        })
        .collect();
    encode_json(&groups)
}
