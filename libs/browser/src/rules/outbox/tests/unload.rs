//! A page that is hidden or left: what it sends, and what it leaves to the beacons of the page.

use super::*;

/// Returns the requests of a page that is hidden.
fn hide(outbox: &mut Outbox) -> Vec<Parcel> {
    outbox.recall();
    std::iter::from_fn(|| outbox.next_at_unload(NOW, true)).collect()
}

/// Returns the last byte of the id of each span.
fn ids(parcel: &Parcel) -> Vec<u8> {
    let batch = read(parcel);
    let ids = batch.spans.iter().map(|span| span.span_id.to_bytes()[7]);
    ids.collect()
}

#[test]
fn an_ordinary_request_takes_nothing_of_the_quota_of_the_page() {
    let mut outbox = outbox();
    for number in 0..100 {
        push(&mut outbox, span(number, 1_000));
    }
    let mut requests = 0;
    while let Next::Send(parcel) = outbox.next(0.0, NOW, false) {
        assert!(!parcel.keepalive);
        outbox.settle(parcel.id, 200, 0.0, 0.0, 0.5);
        requests += 1;
    }
    assert!(requests > 1);
    assert!(
        !parcel(outbox.next(0.0, NOW, true)).keepalive,
        "a heartbeat"
    );
}

#[test]
fn leaving_sends_no_more_than_the_budget() {
    for budget in [UNLOAD_BUDGET_BYTES, 10_000, 50 * 1024, 1 << 20] {
        let mut outbox = outbox_with_budget(budget);
        for number in 0..200 {
            push(&mut outbox, span(number, 1_000));
        }
        let ordinary = parcel(outbox.next(0.0, NOW, false));
        let parcels = hide(&mut outbox);
        assert!(parcels.iter().all(|parcel| parcel.keepalive));
        let bytes: usize = parcels.iter().map(|parcel| parcel.body.len()).sum();
        let budget = budget.min(MAX_BODY_BYTES);
        assert!(
            bytes <= budget && bytes > budget - 3_000,
            "{bytes} of {budget}"
        );
        // A response to an ordinary request frees nothing, one to a keepalive request does.
        outbox.settle(ordinary.id, 200, 0.0, 0.0, 0.5);
        assert_eq!(outbox.next_at_unload(NOW, true), None);
        outbox.settle(parcels[0].id, 200, 0.0, 0.0, 0.5);
        assert!(outbox.next_at_unload(NOW, true).is_some());
    }
}

#[test]
fn without_a_budget_nothing_is_sent_and_nothing_is_lost_if_the_page_returns() {
    let mut outbox = outbox_with_budget(0);
    push(&mut outbox, span(0, 200));
    assert_eq!(hide(&mut outbox), []);
    assert_eq!(ids(&parcel(outbox.next(0.0, NOW, false))), [1]);
}

#[test]
fn a_span_over_the_budget_holds_up_no_other_and_waits_for_an_ordinary_request() {
    let mut outbox = outbox();
    push(&mut outbox, span(0, UNLOAD_BUDGET_BYTES));
    push(&mut outbox, span(1, 200));
    let parcels = hide(&mut outbox);
    assert_eq!(parcels.iter().map(ids).collect::<Vec<_>>(), [[2]]);
    assert!(!outbox.has_sent_final_report(), "one waits");
    assert_eq!(ids(&parcel(outbox.next(0.0, NOW, false))), [1]);
}

#[test]
fn spans_in_flight_when_the_page_is_left_are_sent_once_more() {
    let mut outbox = outbox();
    push(&mut outbox, span(0, 200));
    let cancelled = parcel(outbox.next(0.0, NOW, false));
    push(&mut outbox, span(1, 200));
    let parcels = hide(&mut outbox);
    assert_eq!(parcels.iter().map(ids).collect::<Vec<_>>(), [[2, 1]]);
    assert_eq!(hide(&mut outbox), [], "but only once");
    // The browser cancels the first request. Its items are in the second one.
    outbox.settle(cancelled.id, 0, 0.0, 0.0, 0.0);
    outbox.settle(parcels[0].id, 200, 0.0, 0.0, 0.5);
    assert_eq!(outbox.next(1e6, NOW, false), Next::Rest);
    push(&mut outbox, span(2, 200));
    let next = read(&parcel(outbox.next(1e6, NOW, false)));
    assert!(next.dropped.is_empty());
    assert_eq!(next.sequence.expect("numbers").settled, 3);
}

#[test]
fn spans_sent_once_more_are_not_settled_before_a_request_with_them_has_arrived() {
    let mut outbox = outbox();
    push(&mut outbox, span(0, 200));
    let first = parcel(outbox.next(0.0, NOW, false));
    let again = hide(&mut outbox);
    outbox.settle(first.id, 503, 0.0, 0.0, 0.0);
    outbox.settle(again[0].id, 0, 0.0, 0.0, 0.0);
    // Both failed, and the page returns.
    assert_eq!(ids(&parcel(outbox.next(1e6, NOW, false))), [1]);
}

#[test]
fn spans_of_an_ordinary_request_beyond_the_budget_stay_with_it() {
    let mut outbox = outbox_with_budget(10_000);
    for number in 0..40 {
        push(&mut outbox, span(number, 1_000));
    }
    let ordinary = parcel(outbox.next(0.0, NOW, false));
    let sent: usize = hide(&mut outbox)
        .iter()
        .map(|parcel| ids(parcel).len())
        .sum();
    assert!(sent > 0 && sent < 40, "{sent}");
    outbox.settle(ordinary.id, 0, 0.0, 0.0, 0.0);
    let rest = parcel(outbox.next(1e6, NOW, false));
    assert_eq!(ids(&rest).len(), 40 - sent);
}

#[test]
fn leaving_does_not_wait_for_a_failure_to_cool() {
    let mut outbox = outbox();
    push(&mut outbox, span(0, 200));
    let first = parcel(outbox.next(0.0, NOW, false));
    outbox.settle(first.id, 503, 60e3, 0.0, 1.0);
    assert!(matches!(outbox.next(0.0, NOW, false), Next::Wait(_)));
    assert!(outbox.next_at_unload(NOW, true).is_some());
}
