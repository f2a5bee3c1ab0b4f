//! See `throughline_fuzz::codec::binary`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| throughline_fuzz::codec::binary(bytes));
