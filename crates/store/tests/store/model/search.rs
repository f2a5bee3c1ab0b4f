//! Tests that every kind of predicate finds the same traces as a naive evaluation, page by page, in
//! both directions.

use throughline_model::{
    CheckedPredicate, Cursor, Direction, PageRequest, TimeRange, TraceSummary,
};
use throughline_store::testing::search;
use throughline_store::{Store, StoreOptions};
use throughline_testkit::{Ids, Sent, summaries_of};
use throughline_wire::UnixNanos;

use super::evaluate::has;
use super::predicates::predicate;
use super::spans::{below, random};
use crate::support::{Fixture, unmatched};

/// Returns traces of one to four spans. Some spans begin long after the first.
fn sent(ids: &mut Ids, fixture: &Fixture) -> Vec<Sent> {
    let mut sent = Vec::new();
    for _ in 0..70 {
        let trace_id = ids.trace_id();
        let start = fixture.at_ms(-400_000 - (ids.below(60) as i64) * 30_000);
        for _ in 0..=ids.below(4) {
            let service = ["shop", "database"][below(ids, 2)];
            let start = start.saturating_add(ids.below(400_000) as i64 * 1_000_000);
            sent.push(random(ids, service, trace_id, start, None));
        }
    }
    // The spans of a trace arrive in different commits.
    for at in 0..sent.len() {
        let other = ids.below(sent.len() as u64) as usize;
        sent.swap(at, other);
    }
    sent
}

async fn walk(
    store: &Store,
    predicate: &CheckedPredicate,
    direction: Direction,
    mut from: Option<Cursor>,
) -> Vec<TraceSummary> {
    let range = TimeRange::Last(UnixNanos::PER_DAY);
    let mut all: Vec<Vec<TraceSummary>> = Vec::new();
    for _ in 0..500 {
        let page = PageRequest {
            limit: 7,
            from: from.map(|cursor| (direction, cursor)),
        };
        let page = search(store, predicate, range, page)
            .await
            .expect("searches");
        all.push(unmatched(page.items));
        from = match direction {
            Direction::After => page.after,
            Direction::Before => page.before,
        };
        if from.is_none() {
            if direction == Direction::Before {
                all.reverse();
            }
            return all.concat();
        }
    }
    panic!("the pages of {predicate:?} do not end");
}

#[tokio::test]
async fn every_predicate_agrees_with_a_naive_evaluation_page_by_page() {
    let fixture = Fixture::new().await;
    let ids = &mut Ids::seeded(280);
    let sent = sent(ids, &fixture);
    for (at, commit) in sent.chunks(11).enumerate() {
        fixture.write(commit).await;
        // The last third stays in level 0.
        if at % 4 == 3 && at * 11 < sent.len() * 2 / 3 {
            fixture.store.compact_once().await.expect("compacts");
        }
    }
    let summaries = summaries_of(&sent);
    let hasty = fixture.hasty(9);
    // A small limit of blocks, so that the search rarely lists all matching blocks at once.
    let now = fixture.now;
    let forgetful = fixture.database.store_with(StoreOptions {
        search_listed_blocks: 2,
        search_driven_spans: 600,
        ..StoreOptions::new(move || now)
    });
    let (mut some, mut many) = (0, 0);
    for round in 0..60 {
        let predicate = predicate(ids, round);
        let mut truth = summaries.clone();
        truth.retain(|trace| {
            let spans: Vec<&Sent> = sent
                .iter()
                .filter(|sent| sent.span.trace_id == trace.trace_id)
                .collect();
            has(predicate.get(), &spans)
        });
        some += usize::from(!truth.is_empty());
        many += usize::from(truth.len() > 14);
        let store = [&fixture.store, &hasty, &forgetful, &fixture.store][round / 3 % 4];
        let down = walk(store, &predicate, Direction::After, None).await;
        let starts = |traces: &[TraceSummary]| -> Vec<_> {
            traces
                .iter()
                .map(|trace| (trace.start, trace.trace_id))
                .collect()
        };
        assert_eq!(starts(&down), starts(&truth), "{predicate:?}");
        assert_eq!(down, truth);
        if let Some(last) = truth.last() {
            let end = Cursor {
                start: last.start,
                trace_id: last.trace_id,
            };
            let up = walk(store, &predicate, Direction::Before, Some(end)).await;
            assert_eq!(up, truth[..truth.len() - 1], "{predicate:?}");
        }
    }
    assert!(some > 22 && many > 9, "{some} {many}: the test is blunt");
    hasty.close().await;
    forgetful.close().await;
}
