//! Request, correlation, session and order ids lead to their traces.

use throughline_model::{Direction, PageRequest, Total, TraceSummary};
use throughline_store::{IndexedKeys, StoreOptions};
use throughline_testkit::{Ids, Sent, span};
use throughline_wire::{AttributeValue, semconv};

use crate::support::{Fixture, batch, lone, received};

async fn found(fixture: &Fixture, key: Option<&str>, value: &str) -> Vec<TraceSummary> {
    let page = PageRequest::default();
    let page = fixture.reader().find_traces(key, value, page).await;
    page.expect("reads").items
}

#[tokio::test]
async fn a_request_id_leads_to_its_trace_and_not_to_another() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(90);
    let one = lone("one", &mut ids)
        .starts(fixture.now)
        .with(semconv::REQUEST_ID, "req-1")
        .with("unlisted", "req-2")
        .build();
    let header = vec![AttributeValue::from("req-2"), "req-3".into()];
    let two = lone("two", &mut ids)
        .starts(fixture.now)
        .with("http.request.header.x-request-id", header)
        .with(semconv::ORDER_ID, 4_711_i64)
        .build();
    let sent = [&one, &two].map(|span| Sent::by("shop", span.clone()));
    assert_eq!(fixture.write(&sent).await, received(2));
    let only = |traces: Vec<TraceSummary>| {
        assert_eq!(traces.len(), 1);
        traces[0].trace_id
    };
    assert_eq!(only(found(&fixture, None, "req-1").await), one.trace_id);
    assert_eq!(only(found(&fixture, None, "req-2").await), two.trace_id);
    assert_eq!(only(found(&fixture, None, "req-3").await), two.trace_id);
    let by_order = found(&fixture, Some(semconv::ORDER_ID), "4711").await;
    assert_eq!(only(by_order), two.trace_id);
    assert_eq!(found(&fixture, Some(semconv::ORDER_ID), "req-1").await, []);
    assert_eq!(found(&fixture, None, "req").await, []);
}

#[tokio::test]
async fn one_row_a_value_and_trace_however_often_it_occurs() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(91);
    let trace_id = ids.trace_id();
    let sent: Vec<Sent> = (0..20)
        .map(|_| {
            let span = span("work").in_trace(trace_id).id(ids.span_id());
            let span = span.starts(fixture.now).session("s-1");
            let span = span.with(semconv::REQUEST_ID, "r-1");
            Sent::by("shop", span.build())
        })
        .collect();
    fixture.write(&sent[..15]).await;
    fixture.write(&sent[5..]).await;
    let rows = fixture.count("SELECT count(*) FROM aliases").await;
    assert_eq!(rows, 1, "the request; the directory knows the session");
    for value in ["r-1", "s-1"] {
        assert_eq!(found(&fixture, None, value).await[0].span_count, 20);
    }
    let session = found(&fixture, Some(semconv::SESSION_ID), "s-1").await;
    assert_eq!(session.len(), 1);
}

#[tokio::test]
async fn spans_without_indexed_attributes_write_nothing() {
    let fixture = Fixture::new().await;
    let plain = lone("plain", &mut Ids::seeded(92))
        .starts(fixture.now)
        .with("http.route", "/")
        .with(semconv::REQUEST_ID, "")
        .build();
    fixture.write(&[Sent::by("shop", plain)]).await;
    for table in [
        "SELECT count(*) FROM aliases",
        "SELECT count(*) FROM attribute_keys",
        "SELECT count(*) FROM payloads",
    ] {
        assert_eq!(fixture.count(table).await, 0, "{table}");
    }
}

#[tokio::test]
async fn an_operator_adds_names_and_long_values_are_found_whole_only() {
    let fixture = Fixture::new().await;
    let now = fixture.now;
    let store = fixture.database.store_with(StoreOptions {
        indexed_keys: IndexedKeys::with(["shop.cart"]),
        ..StoreOptions::new(move || now)
    });
    let long = "c".repeat(5_000);
    let cart = lone("cart", &mut Ids::seeded(93))
        .starts(now)
        .with("shop.cart", long.clone())
        .build();
    let sent = [Sent::by("shop", cart)];
    let outcome = store.writer().submit(batch(&sent)).await;
    assert_eq!(outcome, Ok(received(1)));
    assert_eq!(found(&fixture, Some("shop.cart"), &long).await.len(), 1);
    assert_eq!(found(&fixture, Some("shop.cart"), &long[1..]).await, []);
    store.close().await;
}

#[tokio::test]
async fn a_session_of_many_traces_is_paged_newest_first_both_ways() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(94);
    let sent: Vec<Sent> = (0..7)
        .map(|at| {
            let span = lone("visit", &mut ids).starts(fixture.at_ms(at));
            Sent::by("shop", span.session("s-9").build())
        })
        .collect();
    fixture.write(&sent).await;
    let reader = fixture.reader();
    let mut seen = Vec::new();
    let mut page = PageRequest {
        limit: 3,
        from: None,
    };
    let last = loop {
        let found = reader.find_traces(None, "s-9", page).await.expect("reads");
        assert_eq!(found.total, Total::Exact(7));
        seen.extend(found.items.iter().map(|trace| trace.trace_id));
        match found.after {
            Some(after) => page.from = Some((Direction::After, after)),
            None => break found,
        }
    };
    let expected: Vec<_> = sent.iter().rev().map(|sent| sent.span.trace_id).collect();
    assert_eq!(seen, expected);
    page.from = last.before.map(|before| (Direction::Before, before));
    let back = reader.find_traces(None, "s-9", page).await.expect("reads");
    let ids: Vec<_> = back.items.iter().map(|trace| trace.trace_id).collect();
    assert_eq!(ids, expected[3..6]);
}

#[tokio::test]
async fn values_that_are_kept_apart_lead_to_their_own_traces() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(97);
    // Alike in all that a preview shows.
    let orders = ["a", "b"].map(|end| format!("{}{end}", "o".repeat(9_000)));
    let spans = orders.each_ref().map(|order| {
        let span = lone("order", &mut ids).starts(fixture.now);
        span.with(semconv::ORDER_ID, order.clone()).build()
    });
    let sent = spans.each_ref().map(|span| Sent::by("shop", span.clone()));
    assert_eq!(fixture.write(&sent).await, received(2));
    for (order, span) in orders.iter().zip(&spans) {
        let traces = found(&fixture, Some(semconv::ORDER_ID), order).await;
        let ids: Vec<_> = traces.iter().map(|trace| trace.trace_id).collect();
        assert_eq!(ids, [span.trace_id]);
    }
    let rows = fixture.count("SELECT count(*) FROM aliases").await;
    assert_eq!(rows, 2, "a preview leads nowhere");
}
