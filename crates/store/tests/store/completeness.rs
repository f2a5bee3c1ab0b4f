//! Tests of the completeness of traces whose spans arrive late, twice or never.

use std::sync::Arc;

use throughline_model::{Completeness, CompletenessState, OpenFate, TraceFilter};
use throughline_store::{Sender, SpanGroup, Store, WriteBatch};
use throughline_testkit::{Ids, span};
use throughline_wire::{
    BatchSequence, ClientClock, DropReason, ProcessId, Resource, Span, SpanStart, TenantId,
    TraceId, UnixNanos,
};

use crate::support::Fixture;

const SHOP: i64 = 77;

/// Returns `count` spans of one trace with numbers from 0. The first one is the parent of the
/// others.
pub(crate) fn numbered(fixture: &Fixture, ids: &mut Ids, count: u64) -> Vec<Span> {
    let root = span("root")
        .in_trace(ids.trace_id())
        .id(ids.span_id())
        .starts(fixture.at_ms(0))
        .build();
    let mut spans = vec![root.clone()];
    for at in 1..count {
        let child = span(format!("child {at}"))
            .id(ids.span_id())
            .child_of(&root)
            .starts(fixture.at_ms(at as i64));
        spans.push(child.build());
    }
    for (span, number) in spans.iter_mut().zip(0..) {
        span.sequence = Some(number);
    }
    spans
}

pub(crate) fn stands_at(next: u64, settled: u64) -> BatchSequence {
    BatchSequence {
        next,
        settled,
        ..BatchSequence::new(ProcessId::from_i64(SHOP).expect("is not zero"))
    }
}

/// Returns a batch of a process whose numbers below `next` are all settled.
pub(crate) fn process_report(
    process: ProcessId,
    next: u64,
    spans: &[Span],
    starts: &[&Span],
) -> WriteBatch {
    let sequence = BatchSequence {
        next,
        settled: next,
        ..BatchSequence::new(process)
    };
    batch_of_process(sequence, spans, starts)
}

/// Returns a batch of spans and starts with the sequence of their process.
pub(crate) fn batch_of_process(
    sequence: BatchSequence,
    spans: &[Span],
    starts: &[&Span],
) -> WriteBatch {
    WriteBatch {
        tenant: TenantId::DEFAULT,
        groups: vec![SpanGroup {
            resource: Arc::new(Resource::of_service("shop")),
            spans: spans.to_vec(),
            starts: starts.iter().map(|span| SpanStart::of(span)).collect(),
            sender: Some(Sender {
                sequence: Some(sequence),
                ..Sender::default()
            }),
            ..SpanGroup::default()
        }],
    }
}

pub(crate) async fn send(store: &Store, batch: WriteBatch) {
    store.writer().submit(batch).await.expect("is stored");
}

async fn completeness_of(store: &Store, trace_id: TraceId) -> Completeness {
    let reader = store.reader(TenantId::DEFAULT);
    let skeleton = reader.trace_skeleton(trace_id).await.expect("reads");
    let whole = reader.trace(trace_id, None).await.expect("reads");
    let completeness = skeleton.expect("is there").completeness;
    assert_eq!(whole.expect("is there").completeness, completeness);
    completeness
}

#[tokio::test]
async fn a_trace_with_all_numbers_is_complete_in_any_order_and_with_retries() {
    let fixture = Fixture::new().await;
    let spans = numbered(&fixture, &mut Ids::seeded(1), 5);
    let trace_id = spans[0].trace_id;
    let other = fixture.database.store(fixture.now);
    for (store, part) in [
        (&fixture.store, 3..5),
        (&other, 0..1),
        (&other, 3..5),
        (&fixture.store, 1..3),
    ] {
        send(store, batch_of_process(stands_at(5, 5), &spans[part], &[])).await;
    }
    let completeness = completeness_of(&fixture.store, trace_id).await;
    assert_eq!(
        completeness.state,
        CompletenessState::Complete,
        "{completeness}"
    );
    assert_eq!(completeness.to_string(), "5 of 5 spans, 0 bytes cut");
    let processes = "SELECT count(*) FROM processes WHERE received = '{[0,5)}'";
    assert_eq!(fixture.count(processes).await, 1);
}

#[tokio::test]
async fn a_number_that_never_arrives_is_lost_once_it_is_settled() {
    let fixture = Fixture::new().await;
    let spans = numbered(&fixture, &mut Ids::seeded(2), 5);
    let trace_id = spans[0].trace_id;
    let kept = [&spans[..2], &spans[3..]].concat();
    send(
        &fixture.store,
        batch_of_process(stands_at(5, 2), &kept, &[]),
    )
    .await;
    let early = completeness_of(&fixture.store, trace_id).await;
    assert_eq!((early.under_way, early.lost), (1, 0));
    assert_eq!(early.state, CompletenessState::Running);

    // A process that only reports its state is known.
    send(&fixture.store, batch_of_process(stands_at(5, 5), &[], &[])).await;
    let late = completeness_of(&fixture.store, trace_id).await;
    assert_eq!(late.to_string(), "1 span lost");

    send(
        &fixture.store,
        batch_of_process(stands_at(5, 2), &spans[2..3], &[]),
    )
    .await;
    let healed = completeness_of(&fixture.store, trace_id).await;
    assert_eq!(healed.state, CompletenessState::Complete, "{healed}");
}

#[tokio::test]
async fn dropped_and_rejected_spans_are_reported_as_such() {
    let fixture = Fixture::new().await;
    let spans = numbered(&fixture, &mut Ids::seeded(3), 5);
    let trace_id = spans[0].trace_id;
    let mut sequence = stands_at(5, 5);
    sequence.dropped.insert(DropReason::QueueFull, 1);
    let mut batch = batch_of_process(sequence, &[&spans[..2], &spans[4..]].concat(), &[]);
    let sender = batch.groups[0].sender.as_mut().expect("a sender");
    sender.rejected = vec![2];
    send(&fixture.store, batch).await;
    let completeness = completeness_of(&fixture.store, trace_id).await;
    assert_eq!(
        completeness.to_string(),
        "1 span dropped by the sender: queue full, 1 span refused by the server"
    );
}

#[tokio::test]
async fn a_running_span_lists_its_trace_and_becomes_its_span_when_it_ends() {
    let fixture = Fixture::new().await;
    let spans = numbered(&fixture, &mut Ids::seeded(4), 1);
    let (root, trace_id) = (&spans[0], spans[0].trace_id);
    let start = batch_of_process(stands_at(1, 1), &[], &[root]);
    for _ in 0..2 {
        send(&fixture.store, start.clone()).await;
    }
    let listed = fixture.list(&TraceFilter::default()).await.remove(0);
    assert_eq!((listed.span_count, listed.root_name.as_str()), (0, "root"));
    let reader = fixture.reader();
    let skeleton = reader.trace_skeleton(trace_id).await.expect("reads");
    let skeleton = skeleton.expect("is there");
    assert_eq!(skeleton.spans.len(), 1);
    assert_eq!(skeleton.open[0].fate, OpenFate::Running);
    assert_eq!(
        skeleton.completeness.to_string(),
        "1 span still running in shop"
    );
    let details = reader.span_details(trace_id, root.span_id).await;
    let [details] = &details.expect("reads").spans[..] else {
        panic!("the state of the process is known")
    };
    assert_eq!(details.span.attributes, root.attributes);
    assert_eq!(details.span.name, root.name);
    assert_eq!(details.resource.service_name(), "shop");

    send(
        &fixture.store,
        batch_of_process(stands_at(1, 1), &spans, &[]),
    )
    .await;
    // A start that comes after its end changes nothing.
    send(&fixture.store, start).await;
    assert_eq!(fixture.count("SELECT count(*) FROM open_spans").await, 0);
    let ended = completeness_of(&fixture.store, trace_id).await;
    assert_eq!(ended.to_string(), "1 of 1 span, 0 bytes cut");
    let listed = fixture.list(&TraceFilter::default()).await.remove(0);
    assert_eq!(listed.span_count, 1);
    assert_eq!(listed.root_duration_ns, root.duration_ns());
}

#[tokio::test]
async fn an_open_span_ends_even_if_its_end_has_no_number() {
    let fixture = Fixture::new().await;
    let mut span = numbered(&fixture, &mut Ids::seeded(77), 1).remove(0);
    let writer = fixture.store.writer();
    let begun = batch_of_process(stands_at(1, 0), &[], &[&span]);
    writer.submit(begun).await.expect("is stored");
    let open = "SELECT count(*) FROM open_spans";
    assert_eq!(fixture.count(open).await, 1);
    span.sequence = None;
    let ended = batch_of_process(stands_at(1, 0), &[span], &[]);
    writer.submit(ended).await.expect("is stored");
    assert_eq!(fixture.count(open).await, 0);
}

#[tokio::test]
async fn an_open_span_is_abandoned_when_its_process_is_silent_or_ended() {
    let fixture = Fixture::new().await;
    let spans = numbered(&fixture, &mut Ids::seeded(5), 1);
    let trace_id = spans[0].trace_id;
    send(
        &fixture.store,
        batch_of_process(stands_at(1, 1), &[], &[&spans[0]]),
    )
    .await;
    let later = fixture.database.store(fixture.at_ms(31_000));
    let fate = async |store: &Store| {
        let reader = store.reader(TenantId::DEFAULT);
        let skeleton = reader.trace_skeleton(trace_id).await.expect("reads");
        skeleton.expect("is there").open[0].fate
    };
    assert_eq!(fate(&fixture.store).await, OpenFate::Running);
    assert_eq!(fate(&later).await, OpenFate::ProcessDied);
    let silent = completeness_of(&later, trace_id).await;
    assert_eq!(silent.state, CompletenessState::Missing);

    // Any batch shows that the process is alive.
    send(&later, batch_of_process(stands_at(1, 1), &[], &[])).await;
    assert_eq!(fate(&later).await, OpenFate::Running);
    let final_report = BatchSequence {
        ended: true,
        ..stands_at(1, 1)
    };
    send(&later, batch_of_process(final_report, &[], &[])).await;
    assert_eq!(fate(&later).await, OpenFate::ProcessEnded);
}

#[tokio::test]
async fn completeness_is_unknown_without_numbers_and_writes_no_extra_rows() {
    let fixture = Fixture::new().await;
    let mut spans = numbered(&fixture, &mut Ids::seeded(6), 3);
    for span in &mut spans {
        span.sequence = None;
    }
    let trace_id = spans[0].trace_id;
    let mut batch = batch_of_process(stands_at(0, 0), &spans, &[]);
    batch.groups[0].sender = None;
    send(&fixture.store, batch).await;
    let completeness = completeness_of(&fixture.store, trace_id).await;
    assert_eq!(
        completeness.to_string(),
        "unknown: shop does not number its spans"
    );
    assert_eq!(fixture.count("SELECT count(*) FROM processes").await, 0);
}

#[tokio::test]
async fn a_measured_clock_offset_is_stored_beside_the_sent_times() {
    let fixture = Fixture::new().await;
    let spans = numbered(&fixture, &mut Ids::seeded(7), 1);
    let mut batch = batch_of_process(stands_at(1, 1), &spans, &[]);
    let sender = batch.groups[0].sender.as_mut().expect("a sender");
    sender.clock = Some(ClientClock {
        sent_at: UnixNanos::new(1),
        offset_ns: Some(-1_250),
        offset_error_ns: Some(40),
    });
    send(&fixture.store, batch).await;
    let measured = throughline_store::testing::measured_clocks(fixture.database.url()).await;
    assert_eq!(measured, [(Some(-1_250), Some(40))]);
    let trace = fixture.trace(spans[0].trace_id).await;
    assert_eq!(trace.spans[0].span.start, spans[0].start);
}

#[tokio::test]
async fn a_span_that_the_database_rejects_counts_as_rejected_not_as_lost() {
    let fixture = Fixture::new().await;
    let poison = "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN RAISE EXCEPTION 'poison' USING ERRCODE = '22000'; END $$;
         CREATE TRIGGER refuse BEFORE INSERT ON level0_blocks FOR EACH ROW
             WHEN ('poison' = ANY (NEW.messages)) EXECUTE FUNCTION refuse();";
    sqlx::raw_sql(poison)
        .execute(&mut fixture.database.connection().await)
        .await
        .expect("is made");
    let mut spans = numbered(&fixture, &mut Ids::seeded(8), 5);
    spans[3].status = throughline_wire::Status::error("poison");
    let writer = fixture.store.writer();
    let outcome = writer
        .submit(batch_of_process(stands_at(5, 5), &spans, &[]))
        .await;
    assert_eq!(outcome.expect("answers").rejected[0].index, 3);
    let completeness = completeness_of(&fixture.store, spans[0].trace_id).await;
    assert_eq!(completeness.to_string(), "1 span refused by the server");
}

#[tokio::test]
async fn gaps_of_a_process_are_bounded_and_forgotten_numbers_are_unknown() {
    let fixture = Fixture::new().await;
    let trace = |seed, first: u64, count: u64, step: u64| {
        let mut spans = numbered(&fixture, &mut Ids::seeded(seed), count);
        for (at, span) in spans.iter_mut().enumerate() {
            span.sequence = Some(first + step * at as u64);
        }
        spans
    };
    // One complete trace, then only every second number, in batches of one process.
    let early = trace(20, 0, 3, 1);
    send(
        &fixture.store,
        batch_of_process(stands_at(3, 3), &early, &[]),
    )
    .await;
    for round in 0..3 {
        let first = 4 + 1_400 * round;
        let gappy = trace(21 + round, first, 700, 2);
        let next = first + 1_400;
        send(
            &fixture.store,
            batch_of_process(stands_at(next, next), &gappy, &[]),
        )
        .await;
    }
    let ranges = "SELECT count(*) FROM processes, unnest(received)";
    assert_eq!(fixture.count(ranges).await, 1_001);
    let old = completeness_of(&fixture.store, early[0].trace_id).await;
    assert_eq!(old.state, CompletenessState::Unknown, "{old}");
    assert!(old.is_forgotten);
    // The numbers that are still stored count as before.
    let late = trace(30, 4_205, 2, 2);
    send(
        &fixture.store,
        batch_of_process(stands_at(4_208, 4_208), &late, &[]),
    )
    .await;
    let late = completeness_of(&fixture.store, late[0].trace_id).await;
    assert!(late.lost > 0 && !late.is_forgotten, "{late}");
}

#[tokio::test]
async fn rejected_numbers_of_a_process_are_bounded() {
    let fixture = Fixture::new().await;
    let spans = numbered(&fixture, &mut Ids::seeded(40), 1);
    let mut batch = batch_of_process(stands_at(9_000, 9_000), &spans, &[]);
    let sender = batch.groups[0].sender.as_mut().expect("a sender");
    sender.rejected = (0..4_000).map(|number| 1 + 2 * number).collect();
    for _ in 0..2 {
        send(&fixture.store, batch.clone()).await;
    }
    let ranges = "SELECT count(*) FROM processes, unnest(rejected)";
    assert_eq!(fixture.count(ranges).await, 1_000);
    let completeness = completeness_of(&fixture.store, spans[0].trace_id).await;
    assert_eq!(
        completeness.state,
        CompletenessState::Unknown,
        "{completeness}"
    );
}

#[tokio::test]
async fn flags_of_spans_say_nothing_about_completeness() {
    let fixture = Fixture::new().await;
    // Python's SDK sends 0x100 and 0x300 on recorded spans and never the sampled bit. Others send
    // the trace flags, with and without the bits of the remote parent.
    for (seed, flags) in (41..).zip([0, 1, 2, 0x100, 0x101, 0x200, 0x300, 0x301, u32::MAX]) {
        let mut spans = numbered(&fixture, &mut Ids::seeded(seed), 2);
        spans[1].flags = flags;
        send(
            &fixture.store,
            batch_of_process(stands_at(2, 2), &spans, &[]),
        )
        .await;
        let completeness = completeness_of(&fixture.store, spans[0].trace_id).await;
        assert_eq!(
            completeness.state,
            CompletenessState::Complete,
            "{flags:#x}"
        );
        assert_eq!(completeness.to_string(), "2 of 2 spans, 0 bytes cut");
    }
}
