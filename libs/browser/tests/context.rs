//! Parents of spans: futures, clicks, submits, page views, errors, sessions.
#![cfg(target_family = "wasm")]

#[expect(dead_code, reason = "each of the tests uses a part")]
mod page;

use page::{eval, run, spans, the_span, wait_until_idle};
use throughline_browser::{client, current, span, with_current};
use throughline_wire::{AttributeValue, Span, StatusCode, semconv};
use wasm_bindgen_futures::spawn_local;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

fn is_inferred(span: &Span) -> bool {
    span.attributes.get(semconv::PARENT_INFERRED) == Some(&AttributeValue::Bool(true))
}

#[wasm_bindgen_test]
async fn concurrent_futures_keep_their_own_parents_across_await() {
    page::start();
    let work = |name: &'static str| {
        span(name).run(async move {
            for step in 0..3 {
                client::get(format!("/slow?{name}{step}"))
                    .send()
                    .await
                    .expect("answered");
                run(&format!("await fetch('/{name}')")).await;
            }
            current()
        })
    };
    let (first, second) = futures_join(work("first"), work("second")).await;
    assert_ne!(first, second);
    let all = spans().await;
    for name in ["first", "second"] {
        let parent = all.iter().find(|span| span.name == name).expect("sent");
        let children: Vec<_> = all
            .iter()
            .filter(|span| span.name == format!("GET /{name}"))
            .collect();
        assert_eq!(children.len(), 3);
        for child in children {
            assert_eq!(child.parent_span_id, Some(parent.span_id));
            assert_eq!(child.trace_id, parent.trace_id);
            assert!(!is_inferred(child));
        }
    }
}

/// Polls both futures until both are ready.
async fn futures_join<A: Future, B: Future>(a: A, b: B) -> (A::Output, B::Output) {
    let (mut a, mut b) = (std::pin::pin!(a), std::pin::pin!(b));
    let (mut left, mut right) = (None, None);
    std::future::poll_fn(|context| {
        if left.is_none()
            && let std::task::Poll::Ready(value) = a.as_mut().poll(context)
        {
            left = Some(value);
        }
        if right.is_none()
            && let std::task::Poll::Ready(value) = b.as_mut().poll(context)
        {
            right = Some(value);
        }
        if left.is_some() && right.is_some() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    (left.expect("ready"), right.expect("ready"))
}

#[wasm_bindgen_test]
async fn a_click_is_the_parent_of_the_fetches_of_its_handler() {
    page::start();
    wait_until_idle().await;
    run("
      document.body.insertAdjacentHTML('beforeend', '<button id=buy-42><b>secret text</b></button>');
      const button = document.getElementById('buy-42');
      button.addEventListener('click', async () => {
        await fetch('/slow?by-click');
        await fetch('/later');
      });
      button.firstChild.click();
    ")
    .await;
    wait_until_idle().await;
    wait_until_idle().await;
    let click = the_span("click button#buy-{n}").await;
    assert_eq!(click.parent_span_id, None);
    assert_eq!(click.attributes.get_str(semconv::UI_ACTION), Some("click"));
    assert_eq!(
        click.attributes.get_str(semconv::UI_ELEMENT),
        Some("button#buy-42")
    );
    assert!(!format!("{click:?}").contains("secret"));
    let all = spans().await;
    let fetched = all
        .iter()
        .find(|span| span.name == "GET /slow" && span.trace_id == click.trace_id)
        .expect("a child of the click");
    assert_eq!(fetched.parent_span_id, Some(click.span_id));
    assert!(!is_inferred(fetched), "the click's own listener made it");
    let later = the_span("GET /later").await;
    assert_eq!(later.parent_span_id, Some(click.span_id));
    assert!(
        is_inferred(&later),
        "after an await of JavaScript it is a guess"
    );
    assert!(
        click.end >= later.end,
        "the click lasts as long as what it caused"
    );
}

#[wasm_bindgen_test]
async fn a_rust_handler_keeps_the_click_as_parent_across_await() {
    page::start();
    wait_until_idle().await;
    let handler = wasm_bindgen::closure::Closure::<dyn FnMut()>::new(|| {
        spawn_local(with_current(async {
            client::get("/slow?rust").send().await.expect("answered");
            client::get("/rust-later").send().await.expect("answered");
        }));
    });
    eval(
        "document.body.insertAdjacentHTML('beforeend', '<button data-trace=\"Buy now\">x</button>')",
    );
    js_sys::Reflect::set(&js_sys::global(), &"handler".into(), handler.as_ref()).expect("set");
    eval(
        "
      const buy = document.querySelector('[data-trace=\"Buy now\"]');
      buy.addEventListener('click', () => window.handler());
      buy.click();
    ",
    );
    wait_until_idle().await;
    wait_until_idle().await;
    let click = the_span("click Buy now").await;
    let later = the_span("GET /rust-later").await;
    assert_eq!(later.parent_span_id, Some(click.span_id));
    assert!(!is_inferred(&later));
}

#[wasm_bindgen_test]
async fn a_long_running_listener_stays_part_of_its_click() {
    page::start();
    wait_until_idle().await;
    run("
      document.body.insertAdjacentHTML('beforeend', '<form id=slow><button id=busy>x</button></form>');
      const form = document.getElementById('slow');
      const busy = () => { const until = performance.now() + 250; while (performance.now() < until); };
      const button = document.getElementById('busy');
      button.addEventListener('click', () => { busy(); fetch('/from-busy'); busy(); });
      form.addEventListener('submit', (event) => { event.preventDefault(); busy(); fetch('/from-submit'); });
      button.click();
    ")
    .await;
    wait_until_idle().await;
    let click = the_span("click button#busy").await;
    let submit = the_span("submit form#slow").await;
    assert_eq!(submit.parent_span_id, Some(click.span_id));
    for (name, parent) in [("GET /from-busy", &click), ("GET /from-submit", &submit)] {
        let fetched = the_span(name).await;
        assert_eq!(fetched.parent_span_id, Some(parent.span_id), "{name}");
        assert!(!is_inferred(&fetched), "{name}");
    }
}

#[wasm_bindgen_test]
async fn each_click_is_its_own_trace_and_a_click_without_effect_is_not_sent() {
    page::start();
    wait_until_idle().await;
    run("
      document.body.insertAdjacentHTML('beforeend', '<a id=one>1</a><a id=two>2</a><p id=nothing>3</p>');
      for (const id of ['one', 'two', 'nothing']) {
        document.getElementById(id).click();
        await new Promise((done) => setTimeout(done, 20));
      }
    ")
    .await;
    wait_until_idle().await;
    let (one, two) = (the_span("click a#one").await, the_span("click a#two").await);
    assert_ne!(one.trace_id, two.trace_id);
    assert!(
        spans()
            .await
            .iter()
            .all(|span| span.name != "click p#nothing")
    );
}

#[wasm_bindgen_test]
async fn a_submit_records_field_names_and_only_marked_values() {
    page::start();
    wait_until_idle().await;
    run("
      document.body.insertAdjacentHTML('beforeend', `
        <form id=checkout>
          <input name=customer data-trace-value value=Ada>
          <input name=quantity type=number data-trace-value value=3>
          <input name=card value=card-4111>
          <input name=elements value=clobber>
          <input name=pin type=password data-trace-value value=hunter2>
          <input name=cvc autocomplete=cc-csc data-trace-value value=cvc-999>
          <input name=gift type=checkbox data-trace-value value=gift-wanted>
          <button data-trace='Place order'>Order</button>
        </form>`);
      const form = document.getElementById('checkout');
      form.addEventListener('submit', (event) => { event.preventDefault(); fetch('/orders'); });
      form.querySelector('button').click();
    ")
    .await;
    wait_until_idle().await;
    let click = the_span("click Place order").await;
    let submit = the_span("submit form#checkout").await;
    assert_eq!(submit.parent_span_id, Some(click.span_id));
    assert!(!is_inferred(&submit));
    let fetched = the_span("GET /orders").await;
    assert_eq!(fetched.parent_span_id, Some(submit.span_id));
    assert!(!is_inferred(&fetched));
    let value = |name: &str| {
        let key = format!("{}{name}", semconv::UI_FORM_VALUE_PREFIX);
        submit.attributes.get_str(&key).map(str::to_owned)
    };
    assert_eq!(value("customer").as_deref(), Some("Ada"));
    assert_eq!(value("quantity").as_deref(), Some("3"));
    let fields = [
        "customer", "quantity", "card", "elements", "pin", "cvc", "gift",
    ];
    let names = fields.map(AttributeValue::from).to_vec();
    assert_eq!(
        submit.attributes.get(semconv::UI_FORM_FIELDS),
        Some(&AttributeValue::Array(names))
    );
    for secret in ["card-4111", "clobber", "hunter2", "cvc-999", "gift-wanted"] {
        assert!(!format!("{submit:?}").contains(secret), "{secret}");
    }
}

#[wasm_bindgen_test]
async fn a_page_view_is_the_parent_of_other_work_and_a_route_change_begins_a_new_one() {
    page::start();
    wait_until_idle().await;
    run("await fetch('/ambient')").await;
    run("
      history.pushState(null, '', '/products/42?token=secret');
      history.replaceState({ scrolled: 1 }, '', '/products/42?token=secret');
      await fetch('/in-product');
    ")
    .await;
    wait_until_idle().await;
    let all = spans().await;
    let ambient = the_span("GET /ambient").await;
    assert!(is_inferred(&ambient));
    let first = all
        .iter()
        .find(|span| Some(span.span_id) == ambient.parent_span_id)
        .expect("the first page view was sent");
    assert!(first.name.starts_with("page /"), "{}", first.name);
    let second = the_span("page /products/{id}").await;
    assert_ne!(second.trace_id, first.trace_id);
    assert_eq!(
        second.links.first().map(|link| link.span_id),
        Some(first.span_id)
    );
    assert_eq!(
        the_span("GET /in-product").await.parent_span_id,
        Some(second.span_id)
    );
    let url = second
        .attributes
        .get_str(semconv::URL_FULL)
        .expect("url.full");
    assert!(url.ends_with("/products/42?token="), "{url}");
}

#[wasm_bindgen_test]
async fn an_uncaught_error_is_recorded_once_on_the_active_span() {
    page::start();
    wait_until_idle().await;
    run("
      document.body.insertAdjacentHTML('beforeend', '<button id=broken>x</button>');
      window.onerror = () => true;
      const broken = document.getElementById('broken');
      broken.addEventListener('click', () => { throw new RangeError('out of stock'); });
      broken.addEventListener('click', () => { throw new RangeError('out of stock'); });
      broken.click();
      window.onerror = null;
    ")
    .await;
    wait_until_idle().await;
    let click = the_span("click button#broken").await;
    assert_eq!(click.status.code, StatusCode::Error);
    assert_eq!(click.events.len(), 1);
    let attributes = &click.events[0].attributes;
    assert_eq!(
        attributes.get_str(semconv::EXCEPTION_TYPE),
        Some("RangeError")
    );
    assert_eq!(
        attributes.get_str(semconv::EXCEPTION_MESSAGE),
        Some("out of stock")
    );
    assert!(attributes.get_str(semconv::EXCEPTION_STACKTRACE).is_some());
}

#[wasm_bindgen_test]
async fn an_unhandled_rejection_is_recorded() {
    page::start();
    wait_until_idle().await;
    run("
      addEventListener('unhandledrejection', (event) => event.preventDefault(), { once: true });
      Promise.reject('plain text');
      await new Promise((done) => setTimeout(done, 20));
    ")
    .await;
    wait_until_idle().await;
    let reported = spans().await.into_iter().any(|span| {
        span.events
            .iter()
            .any(|event| event.attributes.get_str(semconv::EXCEPTION_MESSAGE) == Some("plain text"))
    });
    assert!(reported);
}

#[wasm_bindgen_test]
async fn the_session_is_in_storage_and_on_every_span() {
    page::start();
    run("await fetch('/session')").await;
    let session = throughline_browser::start(throughline_browser::Config::new("again"))
        .session_id()
        .expect("active");
    let kept = eval("sessionStorage.getItem('throughline.session')").as_string();
    assert!(kept.expect("kept").starts_with(&format!("{session} ")));
    assert!(
        spans()
            .await
            .iter()
            .all(|span| span.attributes.get_str(semconv::SESSION_ID) == Some(session.as_str()))
    );
    throughline_browser::set_user("ada@acme.test");
    span("as ada").in_scope(|| ());
    throughline_browser::clear_user();
    span("as nobody").in_scope(|| ());
    let user = the_span("as ada").await;
    assert_eq!(
        user.attributes.get_str(semconv::USER_ID),
        Some("ada@acme.test")
    );
    assert_eq!(
        the_span("as nobody").await.attributes.get(semconv::USER_ID),
        None
    );
}

#[wasm_bindgen_test]
async fn a_dropped_future_ends_its_span_and_an_error_marks_it() {
    page::start();
    drop(
        span("called off")
            .attribute("kind", "test")
            .run(std::future::pending::<()>()),
    );
    let failed = span("failed").start();
    failed.error(&"no stock");
    failed.end();
    let span = the_span("called off").await;
    assert_eq!(span.attributes.get_str("kind"), Some("test"));
    assert_eq!(the_span("failed").await.status.message, "no stock");
}
