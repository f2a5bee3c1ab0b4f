//! Tests of the counts of spans that senders dropped, by minute and service.

use throughline_model::{DroppedSpans, TimeRange, TraceFilter};
use throughline_store::{Store, WriteBatch};
use throughline_testkit::{Ids, span};
use throughline_wire::{BatchSequence, DropReason, ProcessId, Resource, Span, TenantId};

use crate::completeness::{batch_of_process, send};
use crate::support::Fixture;

/// Returns a report of a process that dropped `count` spans since it started.
fn dropped_by(service: &str, process: i64, reason: DropReason, count: u64) -> WriteBatch {
    report_of(service, process, (reason, count), &[])
}

fn report_of(
    service: &str,
    process: i64,
    dropped: (DropReason, u64),
    spans: &[Span],
) -> WriteBatch {
    let sequence = BatchSequence {
        dropped: [dropped].into(),
        ..BatchSequence::new(ProcessId::from_i64(process).expect("is not zero"))
    };
    let mut batch = batch_of_process(sequence, spans, &[]);
    batch.groups[0].resource = Resource::of_service(service.to_owned()).into();
    batch
}

async fn dropped_in(store: &Store, filter: &TraceFilter) -> Vec<String> {
    let reader = store.reader(TenantId::DEFAULT);
    let statistics = reader.trace_statistics(filter).await.expect("reads");
    let dropped = statistics.dropped.iter();
    dropped.map(DroppedSpans::to_string).collect()
}

#[tokio::test]
async fn dropped_spans_count_once_over_retries_servers_and_restarts() {
    let fixture = Fixture::new().await;
    let other = fixture.database.store(fixture.now);
    let full = DropReason::QueueFull;
    for (store, batch) in [
        (&fixture.store, dropped_by("shop", 1, full, 5)),
        // The response was lost, so the batch comes again, also to another server.
        (&fixture.store, dropped_by("shop", 1, full, 5)),
        (&other, dropped_by("shop", 1, full, 5)),
        (&other, dropped_by("shop", 1, full, 8)),
        (&fixture.store, dropped_by("shop", 1, full, 7)),
        // The process was started again.
        (&fixture.store, dropped_by("shop", 2, full, 3)),
        (&fixture.store, dropped_by("mail", 3, DropReason::TooBig, 1)),
        (&other, dropped_by("mail", 3, DropReason::Unsampled, 900)),
    ] {
        send(store, batch).await;
    }
    let all = TraceFilter::default();
    let expected = [
        "shop dropped 11 spans: queue full",
        "mail dropped 1 span: too big",
    ];
    assert_eq!(dropped_in(&fixture.store, &all).await, expected);
    let of_mail = TraceFilter {
        service: Some("mail".to_owned()),
        ..TraceFilter::default()
    };
    assert_eq!(dropped_in(&other, &of_mail).await, expected[1..]);
    let hour = 3_600_000;
    let before = TraceFilter {
        range: TimeRange::Between(fixture.at_ms(-2 * hour), fixture.at_ms(-hour)),
        ..TraceFilter::default()
    };
    assert!(dropped_in(&fixture.store, &before).await.is_empty());
}

#[tokio::test]
async fn reports_of_several_servers_at_once_add_up() {
    let fixture = Fixture::new().await;
    let stores: Vec<_> = (0..3)
        .map(|_| fixture.database.store(fixture.now))
        .collect();
    let mut sent = Vec::new();
    for round in 1..=10 {
        for store in &stores {
            for process in 1..=4 {
                let batch = dropped_by("shop", process, DropReason::QueueFull, round * 10);
                sent.push(send(store, batch));
            }
        }
    }
    futures::future::join_all(sent).await;
    let dropped = dropped_in(&fixture.store, &TraceFilter::default()).await;
    assert_eq!(dropped, ["shop dropped 400 spans: queue full"]);
}

#[tokio::test]
async fn a_trace_with_an_absent_parent_names_what_its_services_dropped_meanwhile() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(4);
    let orphan = span("orphan")
        .in_trace(ids.trace_id())
        .id(ids.span_id())
        .parent(ids.span_id())
        .starts(fixture.at_ms(0))
        .build();
    let full = (DropReason::QueueFull, 51_454);
    send(&fixture.store, dropped_by("other", 2, full.0, full.1)).await;
    send(
        &fixture.store,
        report_of("shop", 1, full, std::slice::from_ref(&orphan)),
    )
    .await;
    let skeleton = fixture.reader().trace_skeleton(orphan.trace_id).await;
    let completeness = skeleton.expect("reads").expect("is there").completeness;
    let text = completeness.to_string();
    assert!(
        text.contains("meanwhile shop dropped 51454 spans: queue full"),
        "{text}"
    );
    assert!(!text.contains("other"), "{text}");
}
