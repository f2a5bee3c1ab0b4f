//! Protobuf of attributes, events and links: no bytes panic, and what is read is written and read
//! alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use throughline_wire::binary::{
    decode_attributes, decode_events, decode_links, encode_attributes, encode_events, encode_links,
};

/// Reads, writes, reads and writes again; compares the bytes, as NaN does not equal itself.
fn stable<T: ?Sized, O: std::borrow::Borrow<T>, E: std::fmt::Debug>(
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

fuzz_target!(|bytes: &[u8]| {
    stable(bytes, decode_attributes, encode_attributes);
    stable(bytes, decode_events, encode_events);
    stable(bytes, decode_links, encode_links);
});
