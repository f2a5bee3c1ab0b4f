//! `traceparent`: no text panics, and what is read is written and read alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use throughline_wire::w3c::TraceParent;

fuzz_target!(|header: &str| {
    if let Ok(parent) = TraceParent::parse(header) {
        assert_eq!(TraceParent::parse(&parent.to_string()), Ok(parent));
    }
});
