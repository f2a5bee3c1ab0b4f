//! Tests that retention removes the oldest days first when the size budget is nearly used up.

use throughline_model::{CompletenessState, PartitionStep, Utc};
use throughline_store::WriteError;
use throughline_testkit::{Ids, Sent};

use super::support::{Aged, DAY};
use crate::support::{batch, lone, received};

#[tokio::test]
async fn the_size_budget_removes_the_oldest_day_first_and_then_its_traces() {
    let mut aged = Aged::new().await;
    aged.trace(5, true).await;
    let younger = aged.trace(3, false).await;
    let today = aged.trace(0, false).await;
    aged.compact().await;
    let mut lead = aged.lead().await;
    let pruned = lead.prune_oldest_day(aged.noon, u64::MAX).await;
    let changes = pruned.expect("prunes").expect("a day");
    assert!(
        changes
            .iter()
            .all(|change| change.step == PartitionStep::Drop)
    );
    assert_eq!(aged.stored_spans().await, [younger, today].into());
    lead.release().await;
    let report = aged.run(aged.now()).await;
    assert_eq!(report.budget.trace_count, 1);
    aged.assert_left(&[younger, today]).await;
    // Spans of that day that arrive from now on follow the rules again.
    let late = aged.trace(5, false).await;
    aged.run(aged.now()).await;
    aged.assert_left(&[late, younger, today]).await;
}

#[tokio::test]
async fn a_trace_that_lost_its_first_day_reports_it_after_later_changes() {
    let mut aged = Aged::new().await;
    let long = aged.trace(5, false).await;
    let whole = aged.trace(4, false).await;
    // The trace continued on the next day.
    let next_day = aged.noon.saturating_add(-4 * DAY);
    let late = lone("late", &mut Ids::seeded(8)).in_trace(long);
    let sent = [Sent::by("shop", late.starts(next_day).build())];
    assert_eq!(aged.fixture.write(&sent).await, received(1));
    aged.blocks_came_at_once(long).await;
    aged.compact().await;
    let mut lead = aged.lead().await;
    let pruned = lead.prune_oldest_day(aged.noon, u64::MAX).await;
    assert!(pruned.expect("prunes").is_some());
    lead.release().await;
    let day = Utc::from(next_day).date();
    let words = format!("what began before {day} (UTC) was removed for lack of space");
    let is_said = async || {
        let trace = aged.fixture.trace(long).await;
        assert_eq!(trace.spans.len(), 1);
        assert_eq!(trace.completeness.state, CompletenessState::Missing);
        let text = trace.completeness.to_string();
        assert!(text.contains(&words), "{text}");
        let other = aged.fixture.trace(whole).await;
        assert_eq!(other.completeness.pruned_before, None);
    };
    is_said().await;
    aged.run(aged.now()).await;
    is_said().await;
    // Later spans and a pin do not change that.
    let late = lone("later", &mut Ids::seeded(10)).in_trace(long);
    let again = [Sent::by("shop", late.starts(next_day).build())];
    assert_eq!(aged.fixture.write(&again).await, received(1));
    aged.pin(long).await;
    let text = aged.fixture.trace(long).await.completeness.to_string();
    assert!(text.contains(&words), "{text}");
}

#[tokio::test]
async fn a_pinned_trace_loses_nothing_to_the_size_budget() {
    let mut aged = Aged::new().await;
    let pinned = aged.trace(5, false).await;
    aged.trace(5, false).await;
    aged.pin(pinned).await;
    aged.compact().await;
    let mut lead = aged.lead().await;
    let pruned = lead.prune_oldest_day(aged.noon, u64::MAX).await;
    assert!(pruned.expect("prunes").is_some());
    lead.release().await;
    for _ in 0..2 {
        let trace = aged.fixture.trace(pinned).await;
        assert_eq!(
            (trace.spans.len(), trace.completeness.pruned_before),
            (2, None)
        );
        aged.run(aged.now()).await;
    }
}

#[tokio::test]
async fn the_size_budget_never_removes_the_current_day() {
    let mut aged = Aged::new().await;
    aged.trace(1, false).await;
    let today = aged.trace(0, false).await;
    aged.compact().await;
    let mut lead = aged.lead().await;
    let mut days = 0;
    while let Some(_changes) = lead
        .prune_oldest_day(aged.noon, u64::MAX)
        .await
        .expect("prunes")
    {
        days += 1;
        assert!(days < 10, "ends");
    }
    assert_eq!(aged.stored_spans().await, [today].into());
}

#[tokio::test]
async fn pinned_traces_are_copied_if_there_is_space_and_never_lost() {
    let mut aged = Aged::new().await;
    let pinned = aged.trace(5, false).await;
    aged.trace(5, false).await;
    aged.trace(4, false).await;
    aged.pin(pinned).await;
    aged.compact().await;
    let mut lead = aged.lead().await;
    // Without space for a copy, the day is skipped and the next one is removed.
    while lead
        .prune_oldest_day(aged.noon, 0)
        .await
        .expect("prunes")
        .is_some()
    {}
    assert_eq!(aged.stored_spans().await.len(), 2);
    assert!(aged.stored_spans().await.contains(&pinned));
    while lead
        .prune_oldest_day(aged.noon, u64::MAX)
        .await
        .expect("prunes")
        .is_some()
    {}
    lead.release().await;
    aged.run(aged.now()).await;
    aged.assert_left(&[pinned]).await;
}

#[tokio::test]
async fn an_interrupted_pruning_is_finished_by_the_next_run() {
    let mut aged = Aged::new().await;
    aged.trace(5, false).await;
    let younger = aged.trace(3, false).await;
    aged.execute(
        "CREATE FUNCTION fail() RETURNS event_trigger LANGUAGE plpgsql AS $$
         BEGIN RAISE EXCEPTION 'injected'; END $$;
         CREATE EVENT TRIGGER fail ON ddl_command_end WHEN TAG IN ('DROP TABLE')
             EXECUTE FUNCTION fail();",
    )
    .await;
    aged.compact().await;
    let mut lead = aged.lead().await;
    let pruned = lead.prune_oldest_day(aged.noon, u64::MAX).await;
    pruned.expect_err("fails");
    lead.release().await;
    aged.execute("DROP EVENT TRIGGER fail").await;
    aged.run(aged.now()).await;
    aged.assert_left(&[younger]).await;
}

/// A server remembers the digests of large traces.
#[tokio::test]
async fn spans_of_a_pruned_day_are_stored_when_they_are_sent_again() {
    let mut aged = Aged::new().await;
    let long = aged.trace(5, false).await;
    let mut ids = Ids::seeded(11);
    let day = |days: i64| aged.noon.saturating_add(-days * DAY);
    let span = |start, ids: &mut Ids| {
        let span = lone("work", ids).in_trace(long).starts(start);
        Sent::by("shop", span.build())
    };
    let first: Vec<Sent> = (0..1_100).map(|_| span(day(5), &mut ids)).collect();
    assert_eq!(aged.fixture.write(&first).await.received, 1_100);
    aged.blocks_came_at_once(long).await;
    aged.compact().await;
    // The trace goes on, and its digests are read.
    let today = [span(day(0), &mut ids), first[0].clone()];
    let outcome = aged.fixture.write(&today).await;
    assert_eq!((outcome.received, outcome.duplicate), (1, 1));
    let mut lead = aged.lead().await;
    let pruned = lead.prune_oldest_day(aged.noon, u64::MAX).await;
    assert!(pruned.expect("prunes").is_some());
    lead.release().await;
    let outcome = aged.fixture.write(&first).await;
    assert_eq!((outcome.received, outcome.duplicate), (1_100, 0));
    let outcome = aged.fixture.write(&first).await;
    assert_eq!((outcome.received, outcome.duplicate), (0, 1_100));
}

#[tokio::test]
async fn batches_are_rejected_and_reads_work_without_space() {
    let mut aged = Aged::new().await;
    let stored = aged.trace(0, false).await;
    let store = &aged.fixture.store;
    store.set_full(true);
    let span = lone("more", &mut Ids::seeded(3)).starts(aged.noon.saturating_add(-DAY));
    let sent = [Sent::by("shop", span.build())];
    let refused = store.writer().submit(batch(&sent)).await;
    assert_eq!(refused, Err(WriteError::Full));
    aged.assert_left(&[stored]).await;
    store.set_full(false);
    assert_eq!(aged.fixture.write(&sent).await, received(1));
}
