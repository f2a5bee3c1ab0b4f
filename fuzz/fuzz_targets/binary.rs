//! See `throughline_fuzz::wire::binary`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| throughline_fuzz::wire::binary(bytes));
