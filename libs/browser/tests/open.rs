//! Spans that stay open.
#![cfg(target_family = "wasm")]

#[expect(dead_code, reason = "each of the tests uses a part")]
mod page;

use page::{dropped, eval, spans, the_span, wait_until_idle};
use throughline_browser::span;
use throughline_wire::{DropReason, semconv};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test]
async fn spans_that_never_end_do_not_stop_the_recording_for_good() {
    page::start();
    wait_until_idle().await;
    let _open: Vec<_> = (0..520)
        .map(|number| span(format!("open {number}")).start())
        .collect();
    span("no place").in_scope(|| ());
    let names: Vec<_> = spans().await.into_iter().map(|span| span.name).collect();
    assert!(!names.iter().any(|name| name == "no place"));
    let refused = dropped()[&DropReason::QueueFull];
    assert!(refused >= 9, "{refused}");
    eval(
        "const real = performance.now.bind(performance); performance.now = () => real() + 600_001",
    );
    span("later").in_scope(|| ());
    assert!(
        the_span("later")
            .await
            .attributes
            .get(semconv::UNFINISHED)
            .is_none()
    );
    let unfinished = the_span("open 0").await;
    assert_eq!(
        unfinished.attributes.get(semconv::UNFINISHED),
        Some(&true.into())
    );
}

#[wasm_bindgen_test]
async fn an_open_span_takes_a_bounded_number_of_events_and_attributes() {
    page::start();
    let open = span("busy").start();
    for number in 0..1_000 {
        open.event(format!("event {number}"));
        open.error(&"failed");
        open.attribute(format!("key {number}"), number);
    }
    open.end();
    let span = the_span("busy").await;
    assert_eq!((span.events.len(), span.attributes.len()), (128, 128));
    assert_eq!(span.dropped_events_count, 2_000 - 128);
    // The session has an attribute too.
    assert_eq!(span.dropped_attributes_count, 1_000 - 127);
}
