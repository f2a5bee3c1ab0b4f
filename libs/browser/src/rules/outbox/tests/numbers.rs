//! Sequence numbers, starts and the final report: each batch that arrives must allow correct
//! conclusions.

use throughline_wire::BatchSequence;

use super::*;

fn sequence(parcel: &Parcel) -> BatchSequence {
    read(parcel).sequence.expect("a page numbers its spans")
}

fn send(outbox: &mut Outbox) -> Parcel {
    parcel(outbox.next(0.0, NOW, false))
}

/// Returns a span or a start as the tracer writes it.
fn numbered(number: u64) -> String {
    let mut span = span(number as usize, 200);
    span.pop();
    format!(r#"{span},"sequence":{number}}}"#)
}

#[test]
fn a_batch_has_the_sequence_of_the_page() {
    let mut outbox = outbox();
    for _ in 0..2 {
        let number = outbox.number();
        outbox.push(number, numbered(number));
    }
    outbox.number();
    outbox.count_dropped(DropReason::QueueFull, 1);
    let sent = send(&mut outbox);
    let reported = sequence(&sent);
    assert_eq!(reported.process, ProcessId::from_i64(7).expect("no zero"));
    assert_eq!(
        (reported.next, reported.settled, reported.ended),
        (3, 3, false)
    );
    assert_eq!(reported.dropped.get(&DropReason::QueueFull), Some(&1));
    let numbers: Vec<_> = read(&sent).spans.iter().map(|span| span.sequence).collect();
    assert_eq!(numbers, [Some(0), Some(1)]);
    outbox.settle(sent.id, 200, 0.0, 0.0, 0.5);

    // Later batches repeat the total count, and report new drops separately.
    push(&mut outbox, span(3, 200));
    let later = read(&send(&mut outbox));
    assert!(later.dropped.is_empty());
    let dropped = later.sequence.expect("numbers").dropped;
    assert_eq!(dropped.get(&DropReason::QueueFull), Some(&1));
}

#[test]
fn queued_and_in_flight_numbers_are_not_settled() {
    let mut outbox = outbox();
    push(&mut outbox, span(0, 200));
    let ordinary = send(&mut outbox);
    for number in 1..100 {
        push(&mut outbox, span(number, 1_000));
    }
    // The span of the ordinary request in flight may still be lost.
    let at_unload = outbox.next_at_unload(NOW, false).expect("a request");
    assert_eq!(sequence(&at_unload).settled, 0);
    outbox.settle(ordinary.id, 200, 0.0, 0.0, 0.5);
    outbox.settle(at_unload.id, 200, 0.0, 0.0, 0.5);
    let arrived = 1 + read(&at_unload).spans.len();
    let next = send(&mut outbox);
    let settled = arrived + read(&next).spans.len();
    assert_eq!(sequence(&next).settled, settled as u64);
}

#[test]
fn an_open_span_is_announced_once_and_its_end_replaces_its_start() {
    let mut outbox = outbox();
    assert!(outbox.has_space_for_start(200));
    let number = outbox.number();
    outbox.push_start(number, numbered(number));
    let reported = send(&mut outbox);
    let batch = read(&reported);
    assert_eq!((batch.spans.len(), batch.starts.len()), (0, 1));
    assert_eq!(batch.starts[0].sequence, Some(0));
    assert_eq!(sequence(&reported).settled, 1, "a start settles its number");
    // The request failed, and the span ends before the retry.
    outbox.settle(reported.id, 503, 0.0, 0.0, 0.0);
    outbox.push(number, numbered(number));
    let again = read(&parcel(outbox.next(1.0, NOW, false)));
    assert_eq!((again.spans.len(), again.starts.len()), (1, 0));
}

#[test]
fn a_lost_start_does_not_count_as_a_dropped_span() {
    let mut outbox = outbox();
    let number = outbox.number();
    outbox.push_start(number, numbered(number));
    let refused = send(&mut outbox);
    outbox.settle(refused.id, 400, 0.0, 0.0, 0.5);
    push(&mut outbox, span(1, 200));
    assert!(read(&send(&mut outbox)).dropped.is_empty());
}

#[test]
fn a_page_without_spans_can_send_a_heartbeat() {
    let mut outbox = outbox();
    assert_eq!(outbox.next(0.0, NOW, false), Next::Rest);
    let heartbeat = parcel(outbox.next(0.0, NOW, true));
    let batch = read(&heartbeat);
    assert!(batch.spans.is_empty() && batch.starts.is_empty());
    assert_eq!(sequence(&heartbeat).next, 0);
    assert_eq!(outbox.next(0.0, NOW, true), Next::Rest, "one at a time");
}

#[test]
fn leaving_a_page_sends_the_final_report_with_the_last_spans() {
    let mut outbox = outbox();
    for number in 0..60 {
        push(&mut outbox, span(number, 1_000));
    }
    let first = outbox.next_at_unload(NOW, true).expect("a request");
    assert!(!sequence(&first).ended, "more waits");
    assert!(!outbox.has_sent_final_report());
    outbox.settle(first.id, 200, 0.0, 0.0, 0.5);
    let last = outbox.next_at_unload(NOW, true).expect("a request");
    let reported = sequence(&last);
    assert_eq!(
        (reported.next, reported.settled, reported.ended),
        (60, 60, true)
    );
    assert!(outbox.has_sent_final_report());
}

#[test]
fn hiding_a_page_sends_no_final_report() {
    let mut outbox = outbox();
    push(&mut outbox, span(0, 200));
    let hidden = outbox.next_at_unload(NOW, false).expect("a request");
    assert!(!sequence(&hidden).ended);
}

#[test]
fn a_page_that_is_shown_again_is_a_new_process_with_new_numbers() {
    let mut outbox = outbox();
    push(&mut outbox, span(0, 200));
    let final_report = outbox.next_at_unload(NOW, true).expect("a request");
    outbox.begin_again(ProcessId::from_i64(8).ok());
    let number = outbox.number();
    assert_eq!(number, 0);
    outbox.push(number, numbered(number));
    // The undelivered items of the old process are sent first, without its numbers.
    outbox.settle(final_report.id, 503, 0.0, 0.0, 0.0);
    let old = send(&mut outbox);
    assert_eq!(read(&old).sequence, None);
    assert_eq!(read(&old).spans.len(), 1);
    outbox.settle(old.id, 200, 0.0, 0.0, 0.5);
    let new = send(&mut outbox);
    let reported = sequence(&new);
    assert_eq!(reported.process, ProcessId::from_i64(8).expect("no zero"));
    assert_eq!(
        (reported.next, reported.settled, reported.ended),
        (1, 1, false)
    );
}

#[test]
fn a_page_without_random_bytes_sends_no_sequence_numbers() {
    let mut outbox = Outbox::new("{}", "{}", None);
    push(&mut outbox, span(0, 200));
    assert_eq!(read(&send(&mut outbox)).sequence, None);
}
