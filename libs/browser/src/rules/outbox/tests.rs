//! The guarantees of the send queue: it never exceeds its limits, and no span is lost without being
//! counted.

mod numbers;

use throughline_wire::{Resource, SpanBatch};

use super::*;

const NOW: UnixNanos = UnixNanos::new(1_700_000_000_000_000_000);

fn outbox() -> Outbox {
    let resource = serde_json::to_string(&Resource::of_service("shop-web")).expect("serialises");
    let process = ProcessId::from_i64(7).ok();
    Outbox::new(&resource, r#"{"name":"throughline-browser"}"#, process)
}

fn push(outbox: &mut Outbox, span: String) {
    let number = outbox.number();
    outbox.push(number, span);
}

/// Returns a span of about `bytes` bytes, identified by `number`.
fn span(number: usize, bytes: usize) -> String {
    let filler = "x".repeat(bytes.saturating_sub(160));
    format!(
        r#"{{"trace_id":"{number:032x}","span_id":"{number:016x}","name":"{filler}","start_ns":"1","end_ns":"2"}}"#,
        number = number + 1
    )
}

fn parcel(next: Next) -> Parcel {
    match next {
        Next::Send(parcel) => parcel,
        other => panic!("expected a request, got {other:?}"),
    }
}

fn read(parcel: &Parcel) -> SpanBatch {
    serde_json::from_str(&parcel.body).expect("a batch as the wire has it")
}

#[test]
fn a_request_is_a_batch_with_resource_clock_and_spans() {
    let mut outbox = outbox();
    push(&mut outbox, span(0, 200));
    push(&mut outbox, span(1, 200));
    let batch = read(&parcel(outbox.next(0.0, NOW, false)));
    assert_eq!(batch.resource.service_name(), "shop-web");
    assert_eq!(batch.scope.name, "throughline-browser");
    assert_eq!(batch.clock.map(|clock| clock.sent_at), Some(NOW));
    assert_eq!(batch.spans.len(), 2);
    assert!(batch.dropped.is_empty());
}

#[test]
fn drops_without_a_span_are_reported_with_the_next_batch() {
    let mut outbox = outbox();
    outbox.count_dropped(DropReason::QueueFull, 1);
    assert!(outbox.is_empty() && outbox.next(0.0, NOW, false) == Next::Rest);
    push(&mut outbox, span(0, 200));
    let dropped = read(&parcel(outbox.next(0.0, NOW, false))).dropped;
    assert_eq!(dropped.get(&DropReason::QueueFull), Some(&1));
}

#[test]
fn one_request_is_in_flight_at_a_time() {
    let mut outbox = outbox();
    push(&mut outbox, span(0, 200));
    let first = parcel(outbox.next(0.0, NOW, false));
    push(&mut outbox, span(1, 200));
    assert_eq!(outbox.next(0.0, NOW, false), Next::Rest);
    outbox.settle(first.id, 200, 0.0, 0.0, 0.5);
    assert_eq!(read(&parcel(outbox.next(0.0, NOW, false))).spans.len(), 1);
}

#[test]
fn a_failed_batch_is_retried_in_the_same_order_after_a_delay() {
    let mut outbox = outbox();
    push(&mut outbox, span(0, 200));
    push(&mut outbox, span(1, 200));
    let first = parcel(outbox.next(0.0, NOW, false));
    push(&mut outbox, span(2, 200));
    outbox.settle(first.id, 503, 0.0, 10.0, 0.5);
    assert_eq!(outbox.next(10.0, NOW, false), Next::Wait(500.0));
    let again = parcel(outbox.next(510.0, NOW, false));
    let ids: Vec<u8> = read(&again)
        .spans
        .iter()
        .map(|span| span.span_id.to_bytes()[7])
        .collect();
    assert_eq!(ids, [1, 2, 3]);
    assert!(!again.keepalive, "after a failure the plain kind is tried");
}

#[test]
fn a_rejected_batch_is_counted_and_not_retried() {
    let mut outbox = outbox();
    push(&mut outbox, span(0, 200));
    let first = parcel(outbox.next(0.0, NOW, false));
    outbox.settle(first.id, 400, 0.0, 0.0, 0.5);
    assert_eq!(outbox.next(0.0, NOW, false), Next::Rest);
    push(&mut outbox, span(1, 200));
    let dropped = read(&parcel(outbox.next(0.0, NOW, false))).dropped;
    assert_eq!(dropped.get(&DropReason::Rejected), Some(&1));
}

#[test]
fn drops_of_a_full_queue_are_reported_until_a_batch_arrives() {
    let mut outbox = outbox();
    for number in 0..MAX_SPANS + 3 {
        push(&mut outbox, span(number, 200));
    }
    push(&mut outbox, span(0, UNLOAD_BYTES));
    let first = parcel(outbox.next(0.0, NOW, false));
    let dropped = read(&first).dropped;
    assert_eq!(dropped.get(&DropReason::QueueFull), Some(&3));
    assert_eq!(dropped.get(&DropReason::TooBig), Some(&1));
    outbox.settle(first.id, 0, 0.0, 0.0, 0.0);
    let again = parcel(outbox.next(0.0, NOW, false));
    assert_eq!(
        read(&again).dropped,
        dropped,
        "the counts did not arrive either"
    );
    outbox.settle(again.id, 200, 0.0, 0.0, 0.5);
    assert!(
        read(&parcel(outbox.next(0.0, NOW, false)))
            .dropped
            .is_empty()
    );
}

#[test]
fn the_oldest_spans_are_dropped_if_a_failed_batch_does_not_fit() {
    let mut outbox = outbox();
    for number in 0..60 {
        push(&mut outbox, span(number, 200));
    }
    let first = parcel(outbox.next(0.0, NOW, false));
    let taken = read(&first).spans.len();
    for number in 60..60 + MAX_SPANS {
        push(&mut outbox, span(number, 200));
    }
    outbox.settle(first.id, 503, 0.0, 0.0, 0.0);
    let dropped = read(&parcel(outbox.next(0.0, NOW, false))).dropped;
    assert_eq!(
        dropped.get(&DropReason::RetriesExhausted),
        Some(&(taken as u64))
    );
}

#[test]
fn bodies_are_split_by_bytes() {
    let mut outbox = outbox();
    for number in 0..100 {
        push(&mut outbox, span(number, 1_000));
    }
    assert!(outbox.is_full());
    let first = parcel(outbox.next(0.0, NOW, false));
    assert!(first.body.len() <= BODY_BYTES && first.keepalive);
}

#[test]
fn leaving_the_page_sends_at_most_what_browsers_allow() {
    let mut outbox = outbox();
    for number in 0..200 {
        push(&mut outbox, span(number, 1_000));
    }
    let ordinary = parcel(outbox.next(0.0, NOW, false));
    assert!(ordinary.keepalive);
    let mut bytes = ordinary.body.len();
    let mut parcels = Vec::new();
    while let Some(parcel) = outbox.next_at_unload(NOW, true) {
        assert!(parcel.keepalive);
        bytes += parcel.body.len();
        parcels.push(parcel);
    }
    assert!(!parcels.is_empty());
    assert!(bytes <= UNLOAD_BYTES, "{bytes}");
    // Responses free space.
    outbox.settle(ordinary.id, 200, 0.0, 0.0, 0.5);
    assert!(outbox.next_at_unload(NOW, true).is_some());
}

#[test]
fn leaving_the_page_does_not_wait_for_the_backoff() {
    let mut outbox = outbox();
    push(&mut outbox, span(0, 200));
    let first = parcel(outbox.next(0.0, NOW, false));
    outbox.settle(first.id, 503, 60e3, 0.0, 1.0);
    assert!(matches!(outbox.next(0.0, NOW, false), Next::Wait(_)));
    assert!(outbox.next_at_unload(NOW, true).is_some());
}

#[test]
fn a_response_without_a_request_is_ignored() {
    let mut outbox = outbox();
    outbox.settle(7, 200, 0.0, 0.0, 0.5);
    assert_eq!(outbox.next(0.0, NOW, false), Next::Rest);
}

#[cfg(not(target_family = "wasm"))]
mod properties {
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone)]
    enum Step {
        Push(usize),
        Send,
        Leave,
        Answer(u16),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (160..70_000_usize).prop_map(Step::Push),
            2 => Just(Step::Send),
            1 => Just(Step::Leave),
            2 => prop::sample::select(vec![0, 200, 400, 413, 503]).prop_map(Step::Answer),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_span_is_stored_queued_or_counted(steps in prop::collection::vec(step(), 1..120)) {
            let mut outbox = outbox();
            let (mut pushed, mut stored, mut reported) = (0_u64, 0_u64, 0_u64);
            let mut open: Vec<Parcel> = Vec::new();
            let answer = |outbox: &mut Outbox, parcel: Parcel, status: u16| {
                let batch = read(&parcel);
                outbox.settle(parcel.id, status, 0.0, 0.0, 0.0);
                let arrived = u64::from(status == 200);
                (batch.spans.len() as u64 * arrived, batch.dropped.values().sum::<u64>() * arrived)
            };
            for step in steps {
                match step {
                    Step::Push(bytes) => {
                        push(&mut outbox, span(pushed as usize, bytes));
                        pushed += 1;
                    }
                    Step::Send => {
                        if let Next::Send(parcel) = outbox.next(0.0, NOW, false) {
                            open.push(parcel);
                        }
                    }
                    Step::Leave => {
                        while let Some(parcel) = outbox.next_at_unload(NOW, true) {
                            open.push(parcel);
                        }
                    }
                    Step::Answer(status) => {
                        if let Some(parcel) = open.pop() {
                            let (spans, dropped) = answer(&mut outbox, parcel, status);
                            stored += spans;
                            reported += dropped;
                        }
                    }
                }
                prop_assert!(outbox.waiting.len() <= MAX_SPANS);
                prop_assert!(outbox.waiting_bytes <= MAX_BYTES);
                let kept: usize = open.iter().filter(|p| p.keepalive).map(|p| p.body.len()).sum();
                prop_assert!(kept <= UNLOAD_BYTES);
            }
            let waiting: usize = outbox.waiting.len() + outbox.in_flight.iter().map(|f| f.items.len()).sum::<usize>();
            let counted: u64 = outbox.dropped.0.iter().chain(outbox.in_flight.iter().flat_map(|f| &f.dropped.0)).map(|(_, count)| count).sum();
            prop_assert_eq!(pushed, stored + reported + waiting as u64 + counted);
        }
    }
}
