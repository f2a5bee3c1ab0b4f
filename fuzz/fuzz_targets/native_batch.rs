//! See `throughline_fuzz::wire::native_batch`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| throughline_fuzz::wire::native_batch(bytes));
