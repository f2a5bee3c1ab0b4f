//! See `throughline_fuzz::codec::native_batch`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| throughline_fuzz::codec::native_batch(bytes));
