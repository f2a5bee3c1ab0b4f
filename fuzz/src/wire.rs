//! Checks of the parsers of `libs/wire`.

use throughline_wire::w3c::{Baggage, TraceParent, TraceState};

/// Checks that a `traceparent` that was read is written and read again as the same value.
pub fn traceparent(bytes: &[u8]) {
    let Ok(header) = core::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(parent) = TraceParent::parse(header) {
        assert_eq!(TraceParent::parse(&parent.to_string()), Ok(parent));
    }
}

/// Checks that a `tracestate` that was read is written and read again as the same value. Each line
/// of the input is one header.
pub fn tracestate(bytes: &[u8]) {
    let Ok(headers) = core::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(state) = TraceState::from_headers(headers.split('\n')) {
        assert!(state.len() <= TraceState::MAX_MEMBERS);
        assert_eq!(TraceState::parse(&state.to_string()), Ok(state));
    }
}

/// Checks that a written `baggage` is within its limit and is read again as the same value. Each
/// line of the input is one header.
pub fn baggage(bytes: &[u8]) {
    let Ok(headers) = core::str::from_utf8(bytes) else {
        return;
    };
    let baggage = Baggage::from_headers(headers.split('\n'));
    let header = baggage.to_string();
    assert!(header.is_ascii() && header.len() <= Baggage::MAX_BYTES);
    let read = Baggage::parse(&header);
    assert_eq!(read.to_string(), header);
    for member in read.iter() {
        assert_eq!(baggage.get(member.key()), Some(member.value()));
    }
}
