//! Checks of the decoders of `crates/codec`.

use std::borrow::Borrow;
use std::fmt::Debug;

use throughline_codec::binary::{
    decode_attributes, decode_events, decode_links, encode_attributes, encode_events, encode_links,
};
use throughline_codec::decode::decode_batch;
use throughline_wire::{Limits, UnixNanos};

const NOW: UnixNanos = UnixNanos::new(1_767_225_605_000_000_000);

/// Checks that every span, start and event of a native batch is either stored or rejected. A stored
/// item can be written, and reading it again needs no further repair.
pub fn native_batch(body: &[u8]) {
    let Ok(decoded) = decode_batch(body) else {
        return;
    };
    let sent = (
        decoded.spans.len() + decoded.rejected.len(),
        decoded.starts.len() + decoded.rejected_starts.len(),
        decoded.events.len() + decoded.rejected_events.len(),
    );
    let limits = Limits {
        name_chars: 8,
        key_chars: 8,
        value_bytes: 80,
        attributes: 4,
        events: 2,
        links: 2,
        ..Limits::default()
    };
    let valid = decoded.validate(&limits, NOW);
    let kept = (
        valid.batch.spans.len() + valid.rejected.len(),
        valid.batch.starts.len() + valid.rejected_starts.len(),
        valid.batch.events.len() + valid.rejected_events.len(),
    );
    assert_eq!(kept, sent);
    let json = serde_json::to_vec(&valid.batch).expect("a batch can be written");
    let again = decode_batch(&json)
        .expect("what was written is a batch")
        .validate(&limits, NOW);
    assert!(again.rejected.is_empty() && again.rejected_starts.is_empty());
    assert!(again.rejected_events.is_empty());
    let json_again = serde_json::to_vec(&again.batch).expect("a batch can be written");
    assert_eq!(
        String::from_utf8_lossy(&json),
        String::from_utf8_lossy(&json_again)
    );
}

/// Checks protobuf attributes, events and links: written and read again, they are equal.
pub fn binary(bytes: &[u8]) {
    stable(bytes, decode_attributes, encode_attributes);
    stable(bytes, decode_events, encode_events);
    stable(bytes, decode_links, encode_links);
}

/// Reads, writes, reads and writes again. Compares the bytes, because NaN does not equal itself.
fn stable<T: ?Sized, O: Borrow<T>, E: Debug>(
    bytes: &[u8],
    decode: fn(&[u8]) -> Result<O, E>,
    encode: fn(&T, &mut Vec<u8>),
) {
    if let Ok(value) = decode(bytes) {
        let mut once = Vec::new();
        encode(value.borrow(), &mut once);
        let mut twice = Vec::new();
        encode(
            decode(&once).expect("what was written").borrow(),
            &mut twice,
        );
        assert_eq!(once, twice);
    }
}
