//! See `throughline_fuzz::wire::traceparent`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| throughline_fuzz::wire::traceparent(bytes));
