//! Tests that a trace accepts spans up to the limit from all writers together, and reports the
//! rejected ones.

use throughline_model::{CompletenessState, TraceFilter};
use throughline_store::{Store, StoreOptions, WriteBatch};
use throughline_testkit::{Ids, Sent, span};
use throughline_wire::{ProcessId, Span, TenantId, TraceId};

use crate::support::{Fixture, batch, lone};

const LIMIT: u64 = 10;

pub(crate) fn limited(fixture: &Fixture) -> Store {
    let now = fixture.now;
    fixture.database.store_with(StoreOptions {
        trace_span_limit: LIMIT,
        ..StoreOptions::new(move || now)
    })
}

/// Returns `count` spans of one trace.
pub(crate) fn many(fixture: &Fixture, ids: &mut Ids, trace_id: TraceId, count: u64) -> Vec<Sent> {
    let spans = (0..count).map(|at| {
        span("step")
            .in_trace(trace_id)
            .id(ids.span_id())
            .starts(fixture.at_ms(at as i64))
            .build()
    });
    spans.map(|span| Sent::by("shop", span)).collect()
}

async fn completeness_of(fixture: &Fixture, trace_id: TraceId) -> throughline_model::Completeness {
    let skeleton = fixture.reader().trace_skeleton(trace_id).await;
    skeleton.expect("reads").expect("is there").completeness
}

#[tokio::test]
async fn spans_beyond_the_limit_are_rejected_and_the_rest_of_the_batch_is_stored() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(1);
    let trace_id = ids.trace_id();
    let mut sent = many(&fixture, &mut ids, trace_id, LIMIT + 5);
    sent.push(Sent::by("shop", lone("other", &mut ids).build()));
    // Sent again to a server with empty caches: stored spans are duplicates, the others are
    // rejected.
    for (store, received) in [(limited(&fixture), 11), (limited(&fixture), 0)] {
        let outcome = store.writer().submit(batch(&sent)).await.expect("answers");
        assert_eq!(
            (outcome.received, outcome.duplicate),
            (received, 11 - received)
        );
        let indexes: Vec<_> = outcome.rejected.iter().map(|no| no.index).collect();
        assert_eq!(indexes, [10, 11, 12, 13, 14]);
        for no in outcome.rejected {
            assert!(no.reason.starts_with("trace_too_large: "), "{}", no.reason);
        }
    }
    assert_eq!(fixture.count("SELECT count(*) FROM spans").await, 11);
    let counts = "SELECT sum(span_count)::bigint FROM traces";
    assert_eq!(fixture.count(counts).await, 11);
    let completeness = completeness_of(&fixture, trace_id).await;
    assert_eq!(completeness.state, CompletenessState::Missing);
    assert_eq!((completeness.spans, completeness.too_large), (10, 10));
}

#[tokio::test]
async fn a_span_that_is_rejected_twice_counts_once() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(5);
    let trace_id = ids.trace_id();
    let sent = many(&fixture, &mut ids, trace_id, LIMIT + 5);
    let store = limited(&fixture);
    for _ in 0..3 {
        store.writer().submit(batch(&sent)).await.expect("answers");
    }
    assert_eq!(completeness_of(&fixture, trace_id).await.too_large, 5);
}

#[tokio::test]
async fn a_span_rejected_for_one_tenant_counts_for_another_one_too() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(6);
    let trace_id = ids.trace_id();
    let sent = many(&fixture, &mut ids, trace_id, LIMIT + 5);
    let store = limited(&fixture);
    for tenant in [TenantId::DEFAULT, TenantId::from_bytes([7; 16])] {
        let batch = WriteBatch {
            tenant,
            ..batch(&sent)
        };
        store.writer().submit(batch).await.expect("answers");
        let skeleton = store.reader(tenant).trace_skeleton(trace_id).await;
        let completeness = skeleton.expect("reads").expect("is there").completeness;
        assert_eq!(completeness.too_large, 5);
    }
}

#[tokio::test]
async fn a_numbered_span_rejected_by_two_servers_counts_once() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(6);
    let trace_id = ids.trace_id();
    let spans = numbered(&many(&fixture, &mut ids, trace_id, LIMIT + 6), 0..);
    let stores = [limited(&fixture), limited(&fixture)];
    let full = batch_of_process(16, &spans[..10], &[]);
    stores[0].writer().submit(full).await.expect("answers");
    for part in [10..14, 12..16, 10..16] {
        let mut submitted = tokio::task::JoinSet::new();
        for store in &stores {
            let (writer, part) = (
                store.writer(),
                batch_of_process(16, &spans[part.clone()], &[]),
            );
            submitted.spawn(async move { writer.submit(part).await.expect("answers") });
        }
        submitted.join_all().await;
    }
    let completeness = completeness_of(&fixture, trace_id).await;
    assert_eq!(
        completeness.to_string(),
        "6 spans refused by the server, 6 of them beyond the most a trace may have"
    );
}

#[tokio::test]
async fn two_servers_that_fill_a_trace_concurrently_stop_at_the_limit() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(2);
    let trace_id = ids.trace_id();
    let stores = [limited(&fixture), limited(&fixture)];
    let mut submitted = tokio::task::JoinSet::new();
    for at in 0..16 {
        let sent = many(&fixture, &mut ids, trace_id, 3);
        let writer = stores[at % 2].writer();
        submitted.spawn(async move { writer.submit(batch(&sent)).await.expect("answers") });
    }
    let outcomes = submitted.join_all().await;
    let received: u64 = outcomes.iter().map(|outcome| outcome.received).sum();
    let rejected: usize = outcomes.iter().map(|outcome| outcome.rejected.len()).sum();
    assert_eq!((received, rejected), (LIMIT, 38));
    assert_eq!(fixture.count("SELECT count(*) FROM spans").await, 10);
    let counts = "SELECT span_count::bigint FROM traces";
    assert_eq!(fixture.count(counts).await, 10);
}

fn numbered(trace: &[Sent], numbers: impl Iterator<Item = u64>) -> Vec<Span> {
    let spans = trace.iter().zip(numbers).map(|(sent, number)| Span {
        sequence: Some(number),
        ..sent.span.clone()
    });
    spans.collect()
}

fn batch_of_process(next: u64, spans: &[Span], starts: &[&Span]) -> WriteBatch {
    let process = ProcessId::from_i64(7).expect("is not zero");
    crate::completeness::process_report(process, next, spans, starts)
}

#[tokio::test]
async fn a_rejected_number_is_not_lost_and_its_span_is_not_running() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(3);
    let trace_id = ids.trace_id();
    let spans = numbered(&many(&fixture, &mut ids, trace_id, LIMIT + 2), 0..);
    let writer = limited(&fixture).writer();
    let (last, kept) = spans.split_last().expect("some");
    let started = batch_of_process(12, kept, &[last]);
    writer.submit(started).await.expect("answers");
    let running = completeness_of(&fixture, trace_id).await;
    assert_eq!(running.running, [("shop".to_owned(), 1)]);
    let ended = batch_of_process(12, std::slice::from_ref(last), &[]);
    writer.submit(ended).await.expect("answers");
    let completeness = completeness_of(&fixture, trace_id).await;
    assert_eq!(
        completeness.to_string(),
        "2 spans refused by the server, 2 of them beyond the most a trace may have"
    );
}

#[tokio::test]
async fn starts_alone_do_not_fill_a_trace() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(7);
    let trace_id = ids.trace_id();
    let spans = numbered(&many(&fixture, &mut ids, trace_id, LIMIT + 3), 0..);
    let starts: Vec<&Span> = spans.iter().collect();
    let running = "SELECT count(*) FROM open_spans";
    // Sent again to another server: running spans are known, the others are rejected.
    for store in [limited(&fixture), limited(&fixture)] {
        let outcome = store
            .writer()
            .submit(batch_of_process(13, &[], &starts))
            .await;
        let rejected = outcome.expect("answers").rejected_starts;
        let indexes: Vec<_> = rejected.iter().map(|no| no.index).collect();
        assert_eq!(indexes, [10, 11, 12]);
        let reason = &rejected[0].reason;
        assert!(reason.starts_with("trace_too_large: "), "{reason}");
        assert_eq!(fixture.count(running).await, 10);
    }
    let completeness = completeness_of(&fixture, trace_id).await;
    assert_eq!(
        completeness.to_string(),
        "10 spans still running in shop, 3 spans refused by the server"
    );
    // A span that ends makes space, and a rejected one is stored when it ends.
    let ended = [spans[0].clone(), spans[12].clone()];
    let writer = limited(&fixture).writer();
    let outcome = writer
        .submit(batch_of_process(13, &ended, &[]))
        .await
        .expect("answers");
    assert_eq!(outcome.received, 2);
    let outcome = writer
        .submit(batch_of_process(13, &[], &starts[10..12]))
        .await;
    let rejected = outcome.expect("answers").rejected_starts;
    assert_eq!(rejected.iter().map(|no| no.index).collect::<Vec<_>>(), [1]);
    let completeness = completeness_of(&fixture, trace_id).await;
    assert_eq!((completeness.spans, completeness.rejected), (2, 1));
}

#[tokio::test]
async fn a_removed_trace_accepts_spans_again() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(4);
    let trace_id = ids.trace_id();
    let store = limited(&fixture);
    let sent = many(&fixture, &mut ids, trace_id, LIMIT + 1);
    store.writer().submit(batch(&sent)).await.expect("answers");
    let mut connection = fixture.database.connection().await;
    sqlx::raw_sql("DELETE FROM traces")
        .execute(&mut connection)
        .await
        .expect("deletes");
    let outcome = store.writer().submit(batch(&sent[..3])).await;
    assert_eq!(outcome.expect("answers").received, 3);
    let reader = store.reader(TenantId::DEFAULT);
    let page = throughline_model::PageRequest {
        limit: 10,
        from: None,
    };
    let listed = reader.list_traces(&TraceFilter::default(), page).await;
    assert_eq!(listed.expect("lists").items[0].span_count, 3);
}
