//! `tracestate`: no text panics, and what is read is written and read alike; lines are headers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use throughline_wire::w3c::TraceState;

fuzz_target!(|headers: &str| {
    if let Ok(state) = TraceState::from_headers(headers.split('\n')) {
        assert!(state.len() <= TraceState::MAX_MEMBERS);
        assert_eq!(TraceState::parse(&state.to_string()), Ok(state));
    }
});
