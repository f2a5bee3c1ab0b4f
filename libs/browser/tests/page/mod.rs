//! A test page with a fake network below the tracer.

use std::collections::BTreeMap;
use std::time::Duration;

use js_sys::{Array, Promise, Reflect};
use throughline_wire::{DropReason, Span, SpanBatch};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// The fake `window.fetch`, installed before the tracer starts. It records every call and responds
/// by path.
const NETWORK: &str = r#"
const net = { calls: [], status: 200, hold: false, held: [], beacons: [] };
window.net = net;
window.realFetch = window.fetch;
window.fetch = function fetch(input, init) {
  const request = new Request(input, { ...init, signal: undefined, keepalive: undefined });
  const call = {
    self: this,
    url: request.url,
    method: request.method,
    headers: Object.fromEntries(request.headers),
    referrerPolicy: request.referrerPolicy,
    input,
    init,
    keepalive: !!init?.keepalive,
    body: typeof init?.body === "string" ? init.body : undefined,
  };
  net.calls.push(call);
  const path = new URL(call.url).pathname;
  if (path === "/api/trace-log") {
    if (net.status === 0) return Promise.reject(new TypeError("offline"));
    const answer = () => new Response(JSON.stringify({ received: 1, duplicate: 0 }), { status: net.status });
    if (net.hold) return new Promise((done) => net.held.push(() => done(answer())));
    return Promise.resolve(answer());
  }
  if (path.startsWith("/fails")) return Promise.reject((net.reason = new TypeError("no route")));
  // The real network, asked for this page itself with the init the helper made.
  if (path === "/real") return window.realFetch.call(this, document.URL, init);
  if (path === "/throws") throw (net.reason = new Error("stub"));
  if (path === "/hangs") {
    return new Promise((_, fail) => {
      const signal = init?.signal ?? (input instanceof Request ? input.signal : undefined);
      signal?.addEventListener("abort", () => fail(signal.reason));
    });
  }
  if (path === "/stream") {
    const parts = ["one ", "two"];
    const body = new ReadableStream({
      pull(stream) { parts.length ? stream.enqueue(new TextEncoder().encode(parts.shift())) : stream.close(); },
    });
    return Promise.resolve((net.response = new Response(body)));
  }
  if (path === "/slow") {
    return new Promise((done) => setTimeout(() => done((net.response = new Response("slow"))), 30));
  }
  const status = Number(path.match(/^\/status\/(\d+)$/)?.[1] ?? 200);
  return Promise.resolve((net.response = new Response("{}", { status })));
};
navigator.sendBeacon = (url, body) => { net.beacons.push([url, body.size]); return true; };
"#;

/// Installs the fake network and starts the tracer. Call it once per page.
pub(crate) fn start() {
    if Reflect::has(&js_sys::global(), &"net".into()).expect("global") {
        return;
    }
    eval(NETWORK);
    let handle = throughline_browser::start(
        throughline_browser::Config::new("test-page")
            .endpoint("https://collector.example/")
            .propagate_to("https://api.example.com")
            .without_headers_for("/redirects"),
    );
    assert!(handle.is_active());
}

/// Runs a script. Panics with the error that it throws.
pub(crate) fn eval(script: &str) -> JsValue {
    js_sys::eval(script).unwrap_or_else(|error| panic!("{script}: {error:?}"))
}

/// Runs the body of an async function and awaits it.
pub(crate) async fn run(body: &str) -> JsValue {
    let promise: Promise = eval(&format!("(async () => {{ {body} }})()")).unchecked_into();
    JsFuture::from(promise)
        .await
        .unwrap_or_else(|error| panic!("{body}: {error:?}"))
}

/// Waits, while the page keeps running.
pub(crate) async fn sleep(duration: Duration) {
    let ms = duration.as_millis();
    run(&format!(
        "await new Promise((done) => setTimeout(done, {ms}))"
    ))
    .await;
}

/// Waits until the current interaction is over.
pub(crate) async fn wait_until_idle() {
    sleep(Duration::from_millis(260)).await;
}

/// Returns the batches that were posted.
pub(crate) fn batches() -> Vec<SpanBatch> {
    let bodies = eval(
        "net.calls.filter((call) => call.url === 'https://collector.example/api/trace-log')
           .map((call) => call.body)",
    );
    Array::from(&bodies)
        .iter()
        .map(|body| {
            let body = body.as_string().expect("a batch has a text body");
            serde_json::from_str(&body).expect("a batch as the wire has it")
        })
        .collect()
}

/// Flushes and returns all spans that were ever sent.
pub(crate) async fn spans() -> Vec<Span> {
    throughline_browser::flush();
    sleep(Duration::from_millis(20)).await;
    batches()
        .into_iter()
        .flat_map(|batch| batch.spans)
        .collect()
}

/// Returns the only sent span with this name.
pub(crate) async fn the_span(name: &str) -> Span {
    let all = spans().await;
    let names: Vec<_> = all.iter().map(|span| span.name.clone()).collect();
    let mut found = all.into_iter().filter(|span| span.name == name);
    let span = found
        .next()
        .unwrap_or_else(|| panic!("no span {name:?} in {names:?}"));
    assert!(
        found.next().is_none(),
        "more than one {name:?} in {names:?}"
    );
    span
}

/// Returns the drop counters of all sent batches, summed up.
pub(crate) fn dropped() -> BTreeMap<DropReason, u64> {
    let mut total = BTreeMap::new();
    for (reason, count) in batches().into_iter().flat_map(|batch| batch.dropped) {
        *total.entry(reason).or_default() += count;
    }
    total
}

/// Returns a header of the last request whose URL has this end, as the network received it.
pub(crate) fn header(url_end: &str, name: &str) -> Option<String> {
    eval(&format!(
        "net.calls.findLast((call) => call.url.endsWith({url_end:?})).headers[{name:?}]"
    ))
    .as_string()
}
