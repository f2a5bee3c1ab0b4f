//! The document's span is the one that the server announced, and the session of an earlier load
//! continues.
#![cfg(target_family = "wasm")]

#[expect(dead_code, reason = "each of the tests uses a part")]
mod page;

use page::{eval, run, spans, wait_until_idle};
use throughline_wire::semconv;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

const SESSION: &str = "0190a4b0-7d6c-4b1a-8f50-3b1f8a9d2c11";

#[wasm_bindgen_test]
async fn the_page_view_joins_the_trace_of_the_server_and_continues_the_session() {
    eval(&format!(
        "document.head.insertAdjacentHTML('beforeend',
           '<meta name=traceparent content=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-03>');
         sessionStorage.setItem('throughline.session', `{SESSION} ${{Date.now() - 60000}} ${{Date.now() - 50000}}`);"
    ));
    page::start();
    run("await fetch('/first')").await;
    wait_until_idle().await;
    let all = spans().await;
    let view = all
        .iter()
        .find(|span| span.name.starts_with("page "))
        .expect("sent");
    assert_eq!(
        view.trace_id.to_string(),
        "4bf92f3577b34da6a3ce929d0e0e4736"
    );
    assert_eq!(view.span_id.to_string(), "00f067aa0ba902b7");
    assert_eq!(view.parent_span_id, None);
    assert!(
        view.events
            .iter()
            .any(|event| event.name == "domContentLoadedEventEnd")
    );
    let fetched = all
        .iter()
        .find(|span| span.name == "GET /first")
        .expect("sent");
    assert_eq!(fetched.parent_span_id, Some(view.span_id));
    assert_eq!(
        fetched.attributes.get_str(semconv::SESSION_ID),
        Some(SESSION)
    );
}
