//! Tests of the sequence numbers of spans and of the reports about open spans.

use std::collections::BTreeSet;
use std::time::Duration;

use throughline::wire::{BatchSequence, DropReason};
use tracing::info_span;

use super::collector::Conduct;
use super::{TIMEOUT, Traced};

fn last_sequence(traced: &Traced) -> BatchSequence {
    traced.collector.see(|seen| {
        let last = seen.batches.last().expect("a batch");
        last.sequence.clone().expect("says where it stands")
    })
}

#[tokio::test]
async fn spans_are_numbered_in_the_order_they_begin_and_keep_their_numbers_over_retries() {
    let traced = Traced::new();
    traced.collector.behave(Conduct::Refuse(503));
    let outer = info_span!("outer");
    outer.in_scope(|| drop(info_span!("inner")));
    drop(outer);
    traced.tracer.flush(Duration::from_millis(20)).await;
    traced.collector.behave(Conduct::Keep);
    let spans = traced.spans().await;
    let number = |name| super::named(&spans, name).sequence;
    assert_eq!((number("outer"), number("inner")), (Some(0), Some(1)));
    let sequence = last_sequence(&traced);
    assert_eq!(
        (sequence.next, sequence.settled, sequence.ended),
        (2, 2, false)
    );
}

#[tokio::test]
async fn threads_never_share_a_number() {
    let traced = Traced::new();
    let dispatch = tracing::dispatcher::get_default(Clone::clone);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let dispatch = dispatch.clone();
            std::thread::spawn(move || {
                tracing::dispatcher::with_default(&dispatch, || {
                    (0..500).for_each(|_| drop(info_span!("work")));
                });
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("ends");
    }
    let spans = traced.spans().await;
    let numbers: BTreeSet<_> = spans.iter().filter_map(|span| span.sequence).collect();
    assert_eq!(numbers, (0..2_000).collect());
    assert_eq!(last_sequence(&traced).settled, 2_000);
}

#[tokio::test]
async fn dropped_spans_are_counted_and_settled() {
    let traced = Traced::with(|builder| builder.queue(10, 8 << 20));
    traced.collector.behave(Conduct::Hang);
    (0..30).for_each(|_| drop(info_span!("work")));
    traced.collector.behave(Conduct::Keep);
    traced.spans().await;
    drop(info_span!("last"));
    traced.spans().await;
    let sequence = last_sequence(&traced);
    assert_eq!(sequence.dropped[&DropReason::QueueFull], 20);
    assert_eq!((sequence.next, sequence.settled), (31, 31));
}

#[tokio::test]
async fn an_open_span_is_announced_once_and_does_not_block_settled_numbers() {
    let traced = Traced::with(|builder| {
        builder
            .announce_after(Duration::ZERO)
            .interval(Duration::from_millis(5))
    });
    let open = info_span!("long", shop.order = 7);
    let announced = || {
        traced.collector.see(|seen| {
            let starts = seen.batches.iter().flat_map(|batch| &batch.starts);
            starts.cloned().collect::<Vec<_>>()
        })
    };
    while announced().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(info_span!("short"));
    traced.spans().await;
    let starts = announced();
    assert_eq!(starts.len(), 1);
    assert_eq!(
        (starts[0].name.as_ref(), starts[0].sequence),
        ("long", Some(0))
    );
    assert!(starts[0].attributes.get("shop.order").is_some());
    assert_eq!(last_sequence(&traced).settled, 2);
    drop(open);
    let spans = traced.spans().await;
    let ended = super::named(&spans, "long");
    assert_eq!(ended.sequence, Some(0));
    assert_eq!(
        (ended.span_id, ended.start),
        (starts[0].span_id, starts[0].start)
    );
}

#[tokio::test]
async fn a_shutdown_sends_a_final_report_with_the_open_spans() {
    // Announced no earlier: the final report itself must contain the span.
    let traced = Traced::with(|builder| builder.announce_after(Duration::from_hours(1)));
    let _open = info_span!("cut off");
    drop(info_span!("work"));
    assert!(traced.tracer.shutdown(TIMEOUT).await.is_complete());
    let sequence = last_sequence(&traced);
    assert!(sequence.ended);
    assert_eq!((sequence.next, sequence.settled), (2, 2));
    traced.collector.see(|seen| {
        let last = seen.batches.last().expect("a batch");
        assert_eq!(last.starts.len(), 1);
        assert_eq!(last.starts[0].name, "cut off");
    });
}
