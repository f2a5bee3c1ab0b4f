//! A page that was just opened: when it sends its first batch, and in which form.
#![cfg(target_family = "wasm")]

#[expect(dead_code, reason = "each of the tests uses a part")]
mod page;

use std::time::Duration;

use page::{batches, eval, sleep};
use throughline_browser::span;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

fn record(count: usize) {
    for _ in 0..count {
        span("item").in_scope(|| ());
    }
}

#[wasm_bindgen_test]
async fn nothing_is_sent_before_fifty_spans_are_queued() {
    page::start();
    assert!(batches().is_empty());
    record(3);
    // The timer of 5 s began after this one and cannot fire first.
    sleep(Duration::from_millis(50)).await;
    assert!(batches().is_empty(), "three spans wait for more");
    record(60);
    sleep(Duration::from_millis(50)).await;
    let batches = batches();
    let first = batches.first().expect("fifty spans are sent at once");
    assert_eq!(first.resource.service_name(), "test-page");
    assert!(first.clock.is_some());
    let call = "net.calls.find((call) => call.body)";
    assert_eq!(
        eval(&format!("{call}.headers['content-type']"))
            .as_string()
            .as_deref(),
        Some("text/plain;charset=UTF-8"),
        "a type that needs no preflight"
    );
    assert!(
        eval(&format!(
            "{call}.init.credentials === 'omit' && {call}.keepalive"
        ))
        .is_truthy()
    );
}
