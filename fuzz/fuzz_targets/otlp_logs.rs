//! See `throughline_fuzz::formats::otlp_logs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| throughline_fuzz::formats::otlp_logs(bytes));
