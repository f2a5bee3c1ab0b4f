//! Checks of the parsers of `crates/formats`. Decoded spans can be written as OTLP JSON, and
//! reading them again needs no further repair. Log records are not written; a second validation
//! changes nothing.

use throughline_codec::context::Repairs;
use throughline_codec::validate::validate_log;
use throughline_formats::otlp::{
    SpansOf, decode_json, decode_logs_json, decode_logs_protobuf, decode_protobuf, encode_json,
};
use throughline_formats::{Request, Validated, jaeger, zipkin};
use throughline_wire::{Limits, UnixNanos};

const NOW: UnixNanos = UnixNanos::new(1_767_225_605_000_000_000);

/// Checks the OTLP trace decoder for JSON.
pub fn otlp_json(body: &[u8]) {
    if let Ok(request) = decode_json(body) {
        settles(request);
    }
}

/// Checks the OTLP trace decoder for protobuf.
pub fn otlp_protobuf(body: &[u8]) {
    if let Ok(request) = decode_protobuf(body) {
        settles(request);
    }
}

/// Checks the decoder for Jaeger JSON.
pub fn jaeger_json(body: &[u8]) {
    if let Ok(request) = jaeger::decode(body) {
        settles(request);
    }
}

/// Checks the decoder for Zipkin JSON.
pub fn zipkin_json(body: &[u8]) {
    if let Ok(request) = zipkin::decode(body) {
        settles(request);
    }
}

/// Checks the OTLP log decoders, with the same bytes as JSON and as protobuf.
pub fn otlp_logs(body: &[u8]) {
    for decode in [decode_logs_json, decode_logs_protobuf] {
        if let Ok(request) = decode(body) {
            logs_settle(request);
        }
    }
}

/// Returns limits that small inputs can exceed.
fn limits() -> Limits {
    Limits {
        name_chars: 8,
        key_chars: 8,
        value_bytes: 80,
        attributes: 4,
        events: 2,
        links: 2,
        ..Limits::default()
    }
}

fn logs_settle(request: Request) {
    let limits = limits();
    let once = request.validate(&limits, NOW);
    assert!(once.indexes.is_empty());
    let records = || once.groups.iter().flat_map(|group| &group.events);
    assert_eq!(once.event_indexes.len(), records().count());
    for record in records() {
        let again = validate_log(record.clone(), &limits, NOW, Repairs::NONE);
        // Compared as text, because NaN does not equal itself.
        assert_eq!(
            format!("{:?}", Ok::<_, ()>(record)),
            format!("{:?}", again.map_err(drop))
        );
    }
}

fn settles(request: Request) {
    let limits = limits();
    let once = request.validate(&limits, NOW);
    assert_eq!(
        once.indexes.len(),
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
            items: group.spans.iter().collect(),
        })
        .collect();
    encode_json(&groups)
}
