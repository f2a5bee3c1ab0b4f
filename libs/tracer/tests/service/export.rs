//! Tests of the export to a collector that is slow, down or rejects batches.

use std::time::Duration;

use throughline::wire::{DropReason, semconv};
use tracing::info_span;

use super::collector::{Collector, Conduct};
use super::{TIMEOUT, Traced};

fn end_spans(count: usize) {
    for _ in 0..count {
        drop(info_span!("work", payload = "x"));
    }
}

#[tokio::test]
async fn a_batch_has_the_resource_and_the_api_key() {
    let traced = Traced::with(|builder| builder.key("k-1").resource("service.version", "1.2.3"));
    end_spans(1);
    assert_eq!(traced.spans().await.len(), 1);
    traced.collector.see(|seen| {
        let batch = &seen.batches[0];
        assert_eq!(batch.resource.service_name(), "test");
        let text = |key| batch.resource.attributes.get_str(key);
        assert_eq!(text(semconv::SERVICE_VERSION), Some("1.2.3"));
        assert_eq!(text(semconv::TELEMETRY_SDK_LANGUAGE), Some("rust"));
        assert_eq!(batch.scope.name, "throughline");
        assert!(batch.clock.is_some());
        assert_eq!(seen.headers[0]["x-throughline-key"], "k-1");
        assert_eq!(seen.headers[0]["content-type"], "application/json");
    });
}

#[tokio::test]
async fn many_spans_are_sent_in_batches_of_at_most_512() {
    let traced = Traced::new();
    end_spans(2_000);
    assert_eq!(traced.spans().await.len(), 2_000);
    traced.collector.see(|seen| {
        assert!(seen.batches.iter().all(|batch| batch.spans.len() <= 512));
        assert!(seen.batches.len() <= 40, "{}", seen.batches.len());
    });
    let stats = traced.tracer.stats();
    assert_eq!(
        (stats.accepted, stats.exported, stats.queued),
        (2_000, 2_000, 0)
    );
}

#[tokio::test]
async fn a_hanging_collector_does_not_block_and_dropped_spans_are_reported() {
    let traced = Traced::with(|builder| builder.queue(1_000, 8 << 20));
    traced.collector.behave(Conduct::Hang);
    end_spans(20_000);
    let stats = traced.tracer.stats();
    assert_eq!((stats.accepted, stats.queued), (1_000, 1_000));
    assert_eq!(stats.dropped[&DropReason::QueueFull], 19_000);

    traced.collector.behave(Conduct::Keep);
    assert_eq!(traced.spans().await.len(), 1_000);
    // The report of the losses came with a batch after the hanging one, or alone.
    end_spans(1);
    assert_eq!(traced.spans().await.len(), 1_001);
    assert_eq!(traced.collector.reported(DropReason::QueueFull), 19_000);
}

#[tokio::test]
async fn the_queue_is_bounded_by_bytes() {
    let traced = Traced::with(|builder| builder.queue(1_000, 100_000));
    traced.collector.behave(Conduct::Hang);
    let payload = "x".repeat(10_000);
    for _ in 0..50 {
        drop(info_span!("work", payload));
    }
    drop(info_span!("huge", payload = "x".repeat(200_000)));
    let stats = traced.tracer.stats();
    assert_eq!(stats.accepted, 9);
    assert_eq!(stats.dropped[&DropReason::QueueFull], 41);
    assert_eq!(stats.dropped[&DropReason::TooBig], 1);
}

#[tokio::test]
async fn no_span_is_lost_during_a_short_outage_of_the_collector() {
    let away = {
        let collector = Collector::start();
        collector.address()
    };
    let traced = Traced::with(|builder| builder.endpoint(format!("http://{away}")));
    end_spans(3_000);
    let flushed = traced.tracer.flush(Duration::from_millis(50)).await;
    assert_eq!(flushed.unsent, 3_000);
    assert!(!flushed.is_complete());

    let collector = Collector::start_at(away);
    collector.behave(Conduct::Refuse(503));
    assert_eq!(
        traced.tracer.flush(Duration::from_millis(50)).await.unsent,
        3_000
    );
    collector.behave(Conduct::Keep);
    assert!(traced.tracer.flush(TIMEOUT).await.is_complete());
    let mut ids: Vec<_> = collector.spans().iter().map(|span| span.span_id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3_000);
    assert!(traced.tracer.stats().dropped.is_empty());
}

#[tokio::test]
async fn spans_are_sent_without_a_flush() {
    let traced = Traced::with(|builder| builder.interval(Duration::from_millis(5)));
    traced.collector.behave(Conduct::Refuse(503));
    end_spans(10);
    while traced.collector.see(|seen| seen.requests) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    traced.collector.behave(Conduct::Keep);
    while traced.tracer.stats().exported < 10 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(traced.collector.spans().len(), 10);
}

#[tokio::test]
async fn a_batch_that_is_too_large_is_split() {
    let traced = Traced::new();
    traced.collector.behave(Conduct::Limit(100));
    end_spans(512);
    assert_eq!(traced.spans().await.len(), 512);
    traced.collector.behave(Conduct::Limit(0));
    end_spans(2);
    assert_eq!(traced.spans().await.len(), 512);
    assert_eq!(traced.tracer.stats().dropped[&DropReason::TooBig], 2);
}

#[tokio::test]
async fn a_rejected_batch_is_dropped_and_reported_later() {
    let traced = Traced::new();
    traced.collector.behave(Conduct::Refuse(400));
    end_spans(5);
    assert!(traced.spans().await.is_empty());
    assert_eq!(traced.tracer.stats().dropped[&DropReason::Rejected], 5);
    traced.collector.behave(Conduct::RejectFirst);
    end_spans(3);
    assert_eq!(traced.spans().await.len(), 2);
    assert_eq!(traced.tracer.stats().dropped[&DropReason::Rejected], 6);
    traced.collector.behave(Conduct::Keep);
    end_spans(1);
    traced.spans().await;
    assert_eq!(traced.collector.reported(DropReason::Rejected), 6);
}

#[tokio::test]
async fn shutdown_sends_queued_spans_and_stops_recording() {
    let traced = Traced::new();
    end_spans(700);
    let flushed = traced.tracer.shutdown(TIMEOUT).await;
    assert!(flushed.is_complete());
    assert_eq!(traced.collector.spans().len(), 700);
    end_spans(5);
    assert!(traced.tracer.shutdown(TIMEOUT).await.is_complete());
    assert_eq!(traced.tracer.stats().accepted, 700);
}

#[tokio::test]
async fn shutdown_keeps_its_deadline_and_reports_unsent_spans() {
    let traced = Traced::new();
    traced.collector.behave(Conduct::Hang);
    end_spans(600);
    let flushed = traced.tracer.shutdown(Duration::from_millis(20)).await;
    assert_eq!(flushed.unsent, 600);
}

#[test]
fn dropping_the_last_handle_sends_queued_spans() {
    let mut traced = Traced::new();
    end_spans(3);
    let tracer = std::mem::replace(&mut traced.tracer, {
        let off = throughline::Tracer::builder("off").mode(throughline::Mode::Off);
        off.build().expect("a tracer")
    });
    drop(tracer);
    assert_eq!(traced.collector.spans().len(), 3);
}

#[test]
fn an_invalid_endpoint_is_an_error_at_build() {
    for endpoint in ["", "nonsense", "ftp://host"] {
        let error = throughline::Tracer::builder("test")
            .endpoint(endpoint)
            .build();
        assert!(error.is_err(), "{endpoint}");
    }
}

#[tokio::test]
async fn flushes_that_wait_are_bounded_in_number() {
    let traced = Traced::new();
    traced.collector.behave(Conduct::Hang);
    end_spans(1);
    let hour = Duration::from_hours(1);
    let mut waiting: Vec<_> = (0..2_000)
        .map(|_| Box::pin(traced.tracer.flush(hour)))
        .collect();
    // A flush is asked for when it is polled first.
    for flush in &mut waiting {
        let _ = futures::poll!(flush.as_mut());
    }
    // Those over the limit are answered at once.
    let over = waiting.split_off(1_024);
    for flush in over {
        assert_eq!(flush.await.unsent, 1);
    }
    traced.collector.behave(Conduct::Keep);
    for flush in waiting {
        assert!(flush.await.is_complete());
    }
}
