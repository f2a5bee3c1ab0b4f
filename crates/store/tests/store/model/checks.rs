//! Compares the results of a server with those of the oracle.

use std::collections::BTreeMap;

use throughline_model::{
    AttributeCondition, CheckedPredicate, Direction, OperationMatch, PageRequest, RollupFilter,
    RollupGroup, RollupWindow, StatusFilter, TimeRange, Total, TraceFilter, TraceReader,
    TraceSummary,
};
use throughline_store::testing::search;
use throughline_testkit::Sent;
use throughline_wire::{SpanKind, TenantId, TraceId, UnixNanos};

use super::oracle::Oracle;
use super::predicates::predicate;
use super::spans::{KEYS, word};
use super::steps;
use super::world::World;
use crate::rollups::assert_is;
use crate::support::{unmatched, walk};

/// The widest time range.
const EVER: TimeRange = TimeRange::Last(60 * UnixNanos::PER_DAY);

/// Compares some random results, and searches while other steps run.
pub(super) async fn after_a_step(world: &mut World) {
    let server = world.below(2);
    let reader = world.servers[server].reader(TenantId::DEFAULT);
    list(&world.oracle, &*reader, &everything()).await;
    for _ in 0..2 {
        let filter = filter(world);
        list(&world.oracle, &*reader, &filter).await;
    }
    let turn = world.below(9);
    rollups(&world.oracle, &*reader, turn).await;
    for _ in 0..3 {
        if let Some(trace_id) = world.any_trace() {
            trace(&world.oracle, &*reader, trace_id).await;
        }
    }
    count(world).await;
    for turn in 0..3 {
        let predicate = predicate(&mut world.ids, turn);
        search_all(world, &predicate, turn == 0).await;
    }
}

/// Compares all results.
pub(super) async fn at_the_end(world: &mut World) {
    world.log.note("the end");
    for server in 0..2 {
        let reader = world.servers[server].reader(TenantId::DEFAULT);
        everything_of(&world.oracle, &*reader).await;
    }
}

/// Compares all traces, their list and all rollups.
pub(super) async fn everything_of(oracle: &Oracle, reader: &dyn TraceReader) {
    list(oracle, reader, &everything()).await;
    for turn in 0..9 {
        rollups(oracle, reader, turn).await;
    }
    for trace_id in oracle.trace_ids() {
        trace(oracle, reader, trace_id).await;
    }
}

fn everything() -> TraceFilter {
    TraceFilter {
        range: EVER,
        ..TraceFilter::default()
    }
}

/// Returns a filter with one or two conditions.
fn filter(world: &mut World) -> TraceFilter {
    let mut filter = everything();
    for _ in 0..=world.below(2) {
        match world.below(12) {
            0 => {
                let days = 1 + world.ids.below(10) as i64;
                filter.range = TimeRange::Last(days * UnixNanos::PER_DAY);
            }
            1 => filter.service = Some(["shop", "legacy"][world.below(2)].to_owned()),
            2 => filter.status = Some([StatusFilter::Ok, StatusFilter::Error][world.below(2)]),
            3 => filter.min_duration_ns = Some(world.ids.below(300_000_000_000) as i64),
            4 => filter.max_duration_ns = Some(world.ids.below(300_000_000_000) as i64),
            5 => filter.min_spans = Some(world.ids.below(5)),
            6 => filter.user = Some("ada".to_owned()),
            7 => filter.kind = Some(SpanKind::Client),
            8 => filter.operation = Some(OperationMatch::Contains("cart".to_owned())),
            9 => filter.error = Some("TIMED".to_owned()),
            10 => filter.is_pinned = true,
            _ => {
                let value = Some(word(&mut world.ids)).filter(|word| !word.is_empty());
                let key = KEYS[world.below(5)].to_owned();
                let value = value.unwrap_or("cart").to_owned();
                filter.attributes = vec![AttributeCondition { key, value }];
            }
        }
    }
    filter
}

/// Compares the pages of a list, its total and its statistics.
async fn list(oracle: &Oracle, reader: &dyn TraceReader, filter: &TraceFilter) {
    let truth = oracle.list(filter);
    let pages = walk(reader, filter, Direction::After, None).await;
    assert_same(&pages.concat(), &truth, filter);
    let first = reader.list_traces(filter, PageRequest::default()).await;
    let total = first.expect("lists").total;
    assert_eq!(total, Total::Exact(truth.len() as u64), "{filter:?}");
    let statistics = reader.trace_statistics(filter).await.expect("computes");
    assert_eq!(statistics, oracle.statistics(filter), "{filter:?}");
}

/// Asserts that both lists are equal, and names the traces that differ.
fn assert_same(actual: &[TraceSummary], truth: &[TraceSummary], asked: &impl std::fmt::Debug) {
    for trace in actual {
        assert!(truth.contains(trace), "is wrong: {trace:?}, by {asked:?}");
    }
    for trace in truth {
        assert!(
            actual.contains(trace),
            "is missing: {trace:?}, by {asked:?}"
        );
    }
    assert_eq!(actual, truth, "{asked:?}");
}

/// Compares one kind of rollups.
async fn rollups(oracle: &Oracle, reader: &dyn TraceReader, turn: usize) {
    let groups = [
        RollupGroup::Each,
        RollupGroup::Window,
        RollupGroup::Operation,
    ];
    let filter = RollupFilter {
        range: EVER,
        window: RollupWindow::ALL[turn % 3],
        group: groups[turn / 3],
        ..RollupFilter::default()
    };
    let actual = reader.rollups(&filter).await.expect("reads");
    let truth = oracle.rollups(&filter);
    let names = |report: &throughline_model::RollupReport| -> Vec<_> {
        let items = report.items.iter();
        items
            .map(|item| (item.start, item.operation.clone(), item.span_count))
            .collect()
    };
    assert_eq!(names(&actual), names(&truth), "{filter:?}");
    for (actual, truth) in actual.items.iter().zip(&truth.items) {
        assert_is(actual, truth);
    }
}

/// Compares the spans of a trace and its completeness.
async fn trace(oracle: &Oracle, reader: &dyn TraceReader, trace_id: TraceId) {
    let actual = reader.trace(trace_id, None).await.expect("reads");
    let actual = actual.expect("is there");
    let mut spans: Vec<Sent> = (actual.spans.iter())
        .map(|stored| Sent {
            resource: actual.resources[stored.resource as usize].clone().into(),
            scope: actual.scopes[stored.scope as usize].clone().into(),
            span: stored.span.clone(),
        })
        .collect();
    let mut truth: Vec<Sent> = oracle.spans(trace_id).into_iter().cloned().collect();
    for sent in spans.iter_mut().chain(&mut truth) {
        // A read trace does not have the sequence numbers of its spans.
        sent.span.sequence = None;
        // A read trace has the preview of a payload. Searches read the whole value.
        if let Some(body) = sent.span.attributes.get_str("body") {
            let begin: String = body.chars().take(100).collect();
            sent.span.attributes.insert("body", begin);
        }
    }
    let key = |sent: &Sent| (sent.span.start, sent.span.span_id, format!("{sent:?}"));
    spans.sort_by_cached_key(key);
    truth.sort_by_cached_key(key);
    assert_eq!(spans, truth);
    let completeness = oracle.completeness(trace_id);
    assert_eq!(actual.completeness, completeness, "{trace_id}");
    let skeleton = reader.trace_skeleton(trace_id).await.expect("reads");
    let skeleton = skeleton.expect("is there");
    assert_eq!(skeleton.completeness, completeness, "{trace_id}");
    assert_eq!(skeleton.spans.len(), truth.len());
}

/// Compares the number of all spans.
async fn count(world: &mut World) {
    let count = world.count("SELECT count(*) FROM spans").await;
    assert_eq!(count, world.oracle.stored.len() as i64);
}

/// Reads the pages of a search with random steps in between. A trace that matches all the time is
/// found once. A trace that never matches is not found.
async fn search_all(world: &mut World, predicate: &CheckedPredicate, is_disturbed: bool) {
    let truth = world.oracle.search(predicate.get());
    let mut truths = vec![truth.clone()];
    let mut found = Vec::new();
    let (mut from, mut pages) = (None, 0);
    loop {
        let store = if is_disturbed {
            &world.hasty
        } else {
            &world.servers[0]
        };
        let page = PageRequest {
            limit: if is_disturbed { 15 } else { 50 },
            from: from.map(|cursor| (Direction::After, cursor)),
        };
        let page = search(store, predicate, EVER, page)
            .await
            .expect("searches");
        found.extend(unmatched(page.items));
        pages += 1;
        assert!(pages < 1_000, "the pages of {predicate:?} do not end");
        from = page.after;
        if from.is_none() {
            break;
        }
        if is_disturbed && truths.len() < 3 && world.is_one_in(3) {
            world.log.note(format!("after page {pages} of a search:"));
            steps::random(world).await;
            truths.push(world.oracle.search(predicate.get()));
        }
    }
    if truths.len() == 1 {
        assert_same(&found, &truth, predicate);
        return;
    }
    let mut times_found = BTreeMap::<TraceId, usize>::new();
    for trace in &found {
        *times_found.entry(trace.trace_id).or_default() += 1;
        let is_true = truths.iter().any(|truth| truth.contains(trace));
        assert!(is_true, "is wrong: {trace:?}, by {predicate:?}");
    }
    for trace in truth {
        if truths.iter().all(|truth| truth.contains(&trace)) {
            let times = times_found.get(&trace.trace_id);
            assert_eq!(times, Some(&1), "{trace:?}, by {predicate:?}");
        }
    }
}
