//! The patched `fetch` and the explicit client: which requests get headers, and that nothing else
//! changes.
#![cfg(target_family = "wasm")]

#[expect(dead_code, reason = "each of the tests uses a part")]
mod page;

use page::{eval, header, run, the_span};
use throughline_browser::client;
use throughline_wire::{AttributeValue, SpanKind, StatusCode, semconv};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

#[wasm_bindgen_test]
async fn a_request_to_the_own_origin_gets_trace_and_session_headers() {
    page::start();
    run("await fetch('/own?token=secret')").await;
    let span = the_span("GET /own").await;
    let sent = header("/own?token=secret", "traceparent").expect("traceparent");
    assert_eq!(sent, format!("00-{}-{}-03", span.trace_id, span.span_id));
    let session = span
        .attributes
        .get_str(semconv::SESSION_ID)
        .expect("session.id");
    assert_eq!(
        header("/own?token=secret", "baggage"),
        Some(format!("session.id={session}"))
    );
    assert_eq!(span.kind, SpanKind::Client);
    let url = span
        .attributes
        .get_str(semconv::URL_FULL)
        .expect("url.full");
    assert!(url.ends_with("/own?token="), "{url}");
    let status = span.attributes.get(semconv::HTTP_RESPONSE_STATUS_CODE);
    assert_eq!(status.and_then(AttributeValue::as_int), Some(200));
}

#[wasm_bindgen_test]
async fn an_allowed_origin_gets_the_trace_but_not_the_session() {
    page::start();
    run("await fetch('https://api.example.com/named')").await;
    assert!(header("/named", "traceparent").is_some());
    assert_eq!(header("/named", "baggage"), None);
}

#[wasm_bindgen_test]
async fn requests_to_other_origins_get_no_headers_and_are_recorded() {
    page::start();
    for url in [
        "https://other.example/x1",
        "https://api.example.com.evil.example/x2",
        "https://evil.example/x3?u=https://api.example.com/x3",
        "http://api.example.com/x4",
    ] {
        run(&format!("await fetch('{url}')")).await;
        let end = &url[url.len() - 2..];
        assert_eq!(header(end, "traceparent"), None, "{url}");
    }
    assert!(the_span("GET /x1").await.parent_span_id.is_some());
}

#[wasm_bindgen_test]
async fn opaque_carrying_and_collector_requests_pass_untouched() {
    page::start();
    run("
      await fetch('/opaque', window.i1 = { mode: 'no-cors' });
      await fetch('/carries', window.i2 = { headers: { traceparent: 'mine' } });
      await fetch('https://collector.example/api/trace-log', window.i3 = { method: 'POST', body: '{}' });
      await fetch('data:text/plain,x', window.i4 = {});
    ")
    .await;
    let same = eval(
        "['/opaque', '/carries', '/api/trace-log', ',x'].map((end, at) =>
           net.calls.findLast((call) => call.url.endsWith(end) && (at !== 2 || call.body === '{}')).init
             === [i1, i2, i3, i4][at]).join()",
    );
    assert_eq!(same.as_string().as_deref(), Some("true,true,true,true"));
    assert_eq!(header("/carries", "traceparent").as_deref(), Some("mine"));
}

#[wasm_bindgen_test]
async fn the_objects_of_the_caller_are_not_changed() {
    page::start();
    run("
      window.headers = new Headers({ 'x-one': '1' });
      window.init = Object.freeze({ method: 'POST', headers, body: 'b' });
      await fetch('/frozen', init);
      window.request = new Request('/request', {
        method: 'POST', body: 'text', headers: { 'x-two': '2' }, referrerPolicy: 'no-referrer' });
      await fetch(request);
    ")
    .await;
    assert_eq!(
        eval("[...headers.keys()].join()").as_string().as_deref(),
        Some("x-one")
    );
    assert_eq!(
        eval("[...request.headers.keys()].sort().join()")
            .as_string()
            .as_deref(),
        Some("content-type,x-two")
    );
    for (url, name, value) in [("/frozen", "x-one", "1"), ("/request", "x-two", "2")] {
        assert_eq!(header(url, name).as_deref(), Some(value));
        assert!(header(url, "traceparent").is_some());
    }
    // The request object itself is passed on, with its policy.
    let kept = eval(
        "(() => { const call = net.calls.findLast((call) => call.url.endsWith('/request'));
           return call.input === request && call.method === 'POST' && call.referrerPolicy === 'no-referrer'; })()",
    );
    assert!(kept.is_truthy());
}

#[wasm_bindgen_test]
async fn baggage_of_the_caller_is_kept() {
    page::start();
    run("await fetch('/baggage', { headers: [['baggage', 'a=1']] })").await;
    let baggage = header("/baggage", "baggage").expect("baggage");
    assert!(baggage.starts_with("a=1, session.id="), "{baggage}");
}

#[wasm_bindgen_test]
async fn the_response_is_the_browsers_own_and_streams() {
    page::start();
    let answer = run("
      const response = await fetch('/stream');
      if (response !== net.response) return 'another response';
      if (!(response instanceof Response) || response.bodyUsed) return 'touched';
      let text = '';
      for await (const part of response.body) text += new TextDecoder().decode(part);
      return text;
    ")
    .await;
    assert_eq!(answer.as_string().as_deref(), Some("one two"));
}

#[wasm_bindgen_test]
async fn real_requests_respond_stream_and_abort_as_without_the_patch() {
    page::start();
    let answer = run("
      const response = await fetch('/real', { headers: { 'x-mine': '1' } });
      if (!(response instanceof Response) || response.bodyUsed || !response.ok) return 'touched';
      if (response.url !== document.URL.split('#')[0]) return response.url;
      let bytes = 0;
      for await (const part of response.body) bytes += part.length;
      if (bytes === 0) return 'empty';
      const control = new AbortController();
      const reason = new Error('mine');
      const promise = fetch('/real', { signal: control.signal });
      control.abort(reason);
      try { await promise; return 'resolved'; } catch (e) { return e === reason ? 'as ever' : String(e); }
    ")
    .await;
    assert_eq!(answer.as_string().as_deref(), Some("as ever"));
}

#[wasm_bindgen_test]
async fn rejections_and_exceptions_reach_the_caller_unchanged() {
    page::start();
    let answer = run("
      try { await fetch('/fails'); return 'resolved'; } catch (e) { if (e !== net.reason) return 'changed'; }
      let promise;
      try { promise = fetch('/throws'); return 'did not throw'; } catch (e) { if (e !== net.reason) return 'changed'; }
      return 'same';
    ")
    .await;
    assert_eq!(answer.as_string().as_deref(), Some("same"));
    let span = the_span("GET /fails").await;
    assert_eq!(span.status.code, StatusCode::Error);
    assert_eq!(
        span.attributes.get_str(semconv::ERROR_TYPE),
        Some("TypeError")
    );
}

#[wasm_bindgen_test]
async fn an_abort_works_and_is_not_an_error() {
    page::start();
    let answer = run("
      const control = new AbortController();
      const promise = fetch('/hangs', { signal: control.signal });
      control.abort();
      try { await promise; return 'resolved'; } catch (e) { return e.name + (e === control.signal.reason); }
    ")
    .await;
    assert_eq!(answer.as_string().as_deref(), Some("AbortErrortrue"));
    let span = the_span("GET /hangs").await;
    assert_eq!(span.status.code, StatusCode::Unset);
    assert_eq!(
        span.attributes.get_str(semconv::ERROR_TYPE),
        Some("AbortError")
    );
}

#[wasm_bindgen_test]
async fn an_unhandled_rejection_is_still_reported_by_the_browser() {
    page::start();
    let answer = run("
      const seen = new Promise((done) => addEventListener('unhandledrejection', (event) => {
        event.preventDefault();
        done(event.reason === net.reason);
      }, { once: true }));
      fetch('/fails/unhandled');
      return await seen;
    ")
    .await;
    assert_eq!(answer.as_bool(), Some(true));
}

#[wasm_bindgen_test]
async fn strange_arguments_reach_the_browser_unchanged() {
    page::start();
    let answer = run("
      class Init { get method() { return 'PUT'; } }
      const init = new Init();
      await fetch('/class', init);
      if (net.calls.at(-1).init !== init) return 'copied';
      const thing = { toString() { this.times = (this.times ?? 0) + 1; return '/thing'; } };
      await fetch(thing);
      if (net.calls.at(-1).input !== thing || thing.times !== 1) return 'read ' + thing.times;
      try { await fetch('/bad', { headers: null }); return 'accepted'; } catch (e) { return e.name; }
    ")
    .await;
    assert_eq!(answer.as_string().as_deref(), Some("TypeError"));
}

#[wasm_bindgen_test]
async fn an_internal_error_leaves_the_request_to_the_browser() {
    page::start();
    let answer = run("
      const Kept = window.Headers;
      window.Headers = class { constructor() { throw new Error('fault'); } };
      try {
        const response = await fetch('/fault', (window.faultInit = {}));
        return response === net.response && net.calls.at(-1).init === faultInit;
      } finally {
        window.Headers = Kept;
      }
    ")
    .await;
    assert!(answer.is_truthy());
}

#[wasm_bindgen_test]
async fn the_patched_fetch_has_the_properties_of_the_native_one() {
    page::start();
    let answer = eval("`${fetch.name} ${fetch.length} ${'prototype' in window.realFetch}`");
    assert_eq!(answer.as_string().as_deref(), Some("fetch 1 false"));
}

#[wasm_bindgen_test]
async fn a_failing_status_is_an_error_of_the_span() {
    page::start();
    run("await fetch('/status/503')").await;
    let span = the_span("GET /status/{id}").await;
    assert_eq!(span.status.code, StatusCode::Error);
    assert_eq!(span.attributes.get_str(semconv::ERROR_TYPE), Some("503"));
}

#[wasm_bindgen_test]
async fn the_client_returns_the_response_of_the_browser() {
    page::start();
    let response = client::post("/client")
        .json(&["a"])
        .expect("serialises")
        .send()
        .await
        .expect("answered");
    assert_eq!(response.status(), 200);
    let body: serde_json::Map<String, serde_json::Value> =
        client::json(&response).await.expect("an object");
    assert!(body.is_empty());
    let span = the_span("POST /client").await;
    let sent = header("/client", "traceparent").expect("traceparent");
    assert!(sent.contains(&span.span_id.to_string()));
    assert_eq!(
        header("/client", "content-type").as_deref(),
        Some("application/json")
    );
}

#[wasm_bindgen_test]
async fn the_client_returns_the_rejection_unchanged() {
    page::start();
    let error = client::get("/fails/client")
        .send()
        .await
        .expect_err("rejected");
    let client::ClientError::Rejected(value) = error else {
        panic!("{error:?}");
    };
    assert!(js_sys::Object::is(&value, &eval("net.reason")));
}
