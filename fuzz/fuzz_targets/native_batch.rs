//! Native batches: no body panics, every span of it is kept or rejected, what is kept can be
//! written and is read again without a further repair.
#![no_main]

use libfuzzer_sys::fuzz_target;
use throughline_wire::UnixNanos;
use throughline_wire::decode::decode_batch;
use throughline_wire::validate::Limits;

const NOW: UnixNanos = UnixNanos::new(1_767_225_605_000_000_000);

fuzz_target!(|body: &[u8]| {
    let Ok(decoded) = decode_batch(body) else {
        return;
    };
    let sent = decoded.spans.len() + decoded.rejected.len();
    let limits = Limits {
        name_chars: 8,
        key_chars: 8,
        value_bytes: 80,
        attributes: 4,
        events: 2,
        links: 2,
        ..Limits::default()
    };
    let valid = decoded.validate(&limits, NOW);
    assert_eq!(valid.batch.spans.len() + valid.rejected.len(), sent);
    let json = serde_json::to_vec(&valid.batch).expect("a batch can be written");
    let again = decode_batch(&json)
        .expect("what was written is a batch")
        .validate(&limits, NOW);
    assert!(again.rejected.is_empty() && again.rejected_starts.is_empty());
    let json_again = serde_json::to_vec(&again.batch).expect("a batch can be written");
    assert_eq!(
        String::from_utf8_lossy(&json),
        String::from_utf8_lossy(&json_again)
    );
});
