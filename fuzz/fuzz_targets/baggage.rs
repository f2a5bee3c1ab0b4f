//! `baggage`: no text panics, and what is written fits and is read alike; lines are headers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use throughline_wire::w3c::Baggage;

fuzz_target!(|headers: &str| {
    let baggage = Baggage::from_headers(headers.split('\n'));
    let header = baggage.to_string();
    assert!(header.is_ascii() && header.len() <= Baggage::MAX_BYTES);
    let read = Baggage::parse(&header);
    assert_eq!(read.to_string(), header);
    for member in read.iter() {
        assert_eq!(baggage.get(member.key()), Some(member.value()));
    }
});
