//! See `throughline_fuzz::wire::baggage`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| throughline_fuzz::wire::baggage(bytes));
