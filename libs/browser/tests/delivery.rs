//! Delivery of batches: at page hide, after failures, beyond the limits.
#![cfg(target_family = "wasm")]

#[expect(dead_code, reason = "each of the tests uses a part")]
mod page;

use std::collections::HashSet;
use std::time::Duration;

use page::{batches, dropped, eval, sleep, spans, wait_until_idle};
use throughline_browser::span;
use throughline_wire::{BatchSequence, DropReason};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

fn record(count: usize, bytes: usize) {
    for number in 0..count {
        span(format!("item {number}"))
            .attribute("filler", "x".repeat(bytes))
            .in_scope(|| ());
    }
}

fn sent_bytes(filter: &str) -> f64 {
    eval(&format!(
        "net.calls.filter((call) => call.body && ({filter})).reduce((sum, call) => sum + call.body.length, 0)"
    ))
    .as_f64()
    .expect("a number")
}

fn hide() {
    eval(
        "
      Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true });
      document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
      dispatchEvent(new PageTransitionEvent('pagehide'));
    ",
    );
}

fn show() {
    eval(
        "
      Object.defineProperty(document, 'visibilityState', { value: 'visible', configurable: true });
      document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
    ",
    );
}

async fn everything_arrives() {
    eval("net.status = 200; net.hold = false; net.held.splice(0).forEach((answer) => answer())");
    for _ in 0..100 {
        throughline_browser::flush();
        sleep(Duration::from_millis(30)).await;
        let before = batches().len();
        throughline_browser::flush();
        sleep(Duration::from_millis(30)).await;
        if batches().len() == before {
            return;
        }
    }
}

/// Returns the sequence state of the last batch that contains one.
fn sequence() -> BatchSequence {
    let mut reported = batches().into_iter().filter_map(|batch| batch.sequence);
    reported.next_back().expect("a page numbers its spans")
}

#[wasm_bindgen_test]
async fn every_span_has_a_number_and_a_long_one_is_announced_before_it_ends() {
    page::start();
    wait_until_idle().await;
    everything_arrives().await;
    let process = sequence().process;
    eval("net.calls.length = 0");
    let long = span("long").start();
    record(3, 10);
    sleep(Duration::from_millis(1_050)).await;
    throughline_browser::flush();
    sleep(Duration::from_millis(30)).await;
    let starts: Vec<_> = batches()
        .into_iter()
        .flat_map(|batch| batch.starts)
        .collect();
    let [start] = &starts[..] else {
        panic!("one start: {starts:?}")
    };
    assert_eq!(start.name, "long");
    drop(long);
    everything_arrives().await;
    let sent = spans().await;
    let ended = sent.iter().find(|span| span.name == "long").expect("sent");
    assert_eq!(
        (ended.sequence, ended.span_id),
        (start.sequence, start.span_id)
    );
    let numbers: HashSet<_> = sent.iter().filter_map(|span| span.sequence).collect();
    assert_eq!(numbers.len(), sent.len());
    let reported = sequence();
    assert_eq!(reported.process, process);
    assert_eq!(reported.settled, reported.next, "all has arrived");
    assert!(numbers.iter().all(|number| *number < reported.next));
}

#[wasm_bindgen_test]
async fn a_page_sends_a_final_report_and_is_a_new_process_when_shown_again() {
    page::start();
    wait_until_idle().await;
    everything_arrives().await;
    eval("net.calls.length = 0");
    // Spans that are open until the page is left are part of the final report.
    let open = span("open").start();
    hide();
    drop(open);
    sleep(Duration::from_millis(30)).await;
    let final_report = sequence();
    assert!(final_report.ended);
    assert_eq!(final_report.settled, final_report.next);
    show();
    record(1, 10);
    everything_arrives().await;
    let again = sequence();
    assert_ne!(again.process, final_report.process);
    assert!(!again.ended);
}

#[wasm_bindgen_test]
async fn leaving_sends_half_of_what_browsers_allow_and_nothing_is_lost() {
    page::start();
    wait_until_idle().await;
    everything_arrives().await;
    eval("net.hold = true; net.calls.length = 0");
    record(120, 1_000);
    let open = span("never finished").start();
    assert!(
        eval("net.calls.some((call) => call.body) && net.calls.every((call) => !call.keepalive)")
            .is_truthy(),
        "an ordinary request is in flight, without keepalive"
    );
    hide();
    let sent = sent_bytes("call.keepalive");
    assert!(sent > 29_000.0 && sent <= 32_768.0, "{sent}");
    assert!(eval("net.beacons.length === 0").is_truthy());
    assert!(eval("net.calls.every((call) => !call.body || call.body.length < 65536)").is_truthy());
    show();
    everything_arrives().await;
    let names: Vec<_> = spans().await.into_iter().map(|span| span.name).collect();
    let unique: HashSet<_> = names
        .iter()
        .filter(|name| name.starts_with("item"))
        .collect();
    assert_eq!(unique.len(), 120);
    assert!(names.iter().any(|name| name == "never finished"));
    drop(open);
}

#[wasm_bindgen_test]
async fn a_failed_batch_is_kept_and_retried() {
    page::start();
    wait_until_idle().await;
    everything_arrives().await;
    eval("net.calls.length = 0; net.status = 503");
    record(1, 10);
    throughline_browser::flush();
    sleep(Duration::from_millis(50)).await;
    assert!(!batches().is_empty());
    eval("net.calls.length = 0; net.status = 200");
    // At most a second (the first backoff bound) and one more round.
    for _ in 0..60 {
        sleep(Duration::from_millis(50)).await;
        if !batches().is_empty() {
            break;
        }
    }
    assert!(spans().await.iter().any(|span| span.name == "item 0"));
}

#[wasm_bindgen_test]
async fn spans_that_do_not_fit_are_counted_and_reported() {
    page::start();
    wait_until_idle().await;
    everything_arrives().await;
    eval("net.calls.length = 0; net.hold = true");
    record(1, 10);
    throughline_browser::flush();
    record(503, 10);
    span("x".repeat(70_000)).in_scope(|| ());
    eval("net.hold = false; net.held.splice(0).forEach((answer) => answer())");
    everything_arrives().await;
    let reported = dropped();
    assert_eq!(reported.get(&DropReason::QueueFull), Some(&3));
    assert_eq!(reported.get(&DropReason::TooBig), Some(&1));
    assert_eq!(spans().await.len(), 501);
}
