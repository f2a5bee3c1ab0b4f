//! See `throughline_fuzz::formats::zipkin_json`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| throughline_fuzz::formats::zipkin_json(bytes));
