//! Runs the checks of the fuzz targets on their corpus and its mutations, on the stable compiler.

#![expect(unreachable_pub, reason = "the modules are those of the fuzz crate")]

#[path = "../../../fuzz/src/formats.rs"]
mod formats;
#[path = "../../../fuzz/src/replay.rs"]
mod replay;

use replay::replay;

#[test]
fn otlp_json() {
    replay("otlp_json", formats::otlp_json);
}

#[test]
fn otlp_protobuf() {
    replay("otlp_protobuf", formats::otlp_protobuf);
}

#[test]
fn jaeger_json() {
    replay("jaeger_json", formats::jaeger_json);
}

#[test]
fn zipkin_json() {
    replay("zipkin_json", formats::zipkin_json);
}

#[test]
fn otlp_logs() {
    replay("otlp_logs", formats::otlp_logs);
}
