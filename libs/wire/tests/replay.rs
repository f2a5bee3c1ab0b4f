//! Runs the checks of the fuzz targets over their corpus and its mutations, on the stable compiler.

#![expect(unreachable_pub, reason = "the modules are those of the fuzz crate")]

#[path = "../../../fuzz/src/replay.rs"]
mod replay;
#[path = "../../../fuzz/src/wire.rs"]
mod wire;

use replay::replay;

#[test]
fn traceparent() {
    replay("traceparent", wire::traceparent);
}

#[test]
fn tracestate() {
    replay("tracestate", wire::tracestate);
}

#[test]
fn baggage() {
    replay("baggage", wire::baggage);
}
