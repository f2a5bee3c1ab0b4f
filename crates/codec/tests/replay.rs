//! Runs the checks of the fuzz targets over their corpus and its mutations, on the stable compiler.

#![expect(unreachable_pub, reason = "the modules are those of the fuzz crate")]

#[path = "../../../fuzz/src/codec.rs"]
mod codec;
#[path = "../../../fuzz/src/replay.rs"]
mod replay;

use replay::replay;

#[test]
fn native_batch() {
    replay("native_batch", codec::native_batch);
}

#[test]
fn binary() {
    replay("binary", codec::binary);
}
