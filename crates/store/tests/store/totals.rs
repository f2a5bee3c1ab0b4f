//! Tests of totals: an estimated total is marked as an estimate and is correct.

use throughline_model::{
    Cursor, Direction, PageRequest, StatusFilter, TimeRange, Total, TraceFilter, TraceStatistics,
};
use throughline_store::StoreOptions;
use throughline_store::testing::seed::{SeedOptions, batches, seed};
use throughline_testkit::{Sent, selected};
use throughline_wire::{SpanKind, TenantId, UnixNanos};

use crate::support::{Fixture, unmatched};

const TRACES: u64 = 40_000;

/// Stores traces of three services. One service is in most traces, and each tenth trace fails.
async fn seeded() -> (Fixture, Vec<Sent>) {
    let fixture = Fixture::new().await;
    let options = SeedOptions {
        spans: TRACES,
        spans_per_trace: 1,
        services: 3,
        errors_per_mille: 100,
        ..SeedOptions::new(fixture.now)
    };
    let stored = seed(fixture.database.url(), &options).await;
    assert_eq!(stored.expect("is seeded"), TRACES);
    let groups = batches(&options).flat_map(|batch| batch.groups);
    let sent = groups.flat_map(|group| {
        let (resource, scope) = (group.resource, group.scope);
        group.spans.into_iter().map(move |span| Sent {
            resource: resource.clone(),
            scope: scope.clone(),
            span,
        })
    });
    (fixture, sent.collect())
}

fn with(edit: impl FnOnce(&mut TraceFilter)) -> TraceFilter {
    let mut filter = TraceFilter {
        range: TimeRange::Last(8 * UnixNanos::PER_DAY),
        ..TraceFilter::default()
    };
    edit(&mut filter);
    filter
}

/// Returns filters of every kind, from those that select all traces to those that select a few.
fn filters() -> Vec<TraceFilter> {
    let failed = |filter: &mut TraceFilter| filter.status = Some(StatusFilter::Error);
    let service = |filter: &mut TraceFilter, at: usize| {
        filter.service = Some(format!("service-{at:02}"));
    };
    let mut filters = vec![
        with(|_| {}),
        with(|filter| filter.range = TimeRange::Last(UnixNanos::PER_HOUR)),
        with(failed),
        with(|filter| filter.kind = Some(SpanKind::Server)),
        with(|filter| filter.kind = Some(SpanKind::Client)),
        with(|filter| filter.user = Some("user-17".to_owned())),
        with(|filter| filter.min_duration_ns = Some(20_000_000)),
        with(|filter| filter.max_duration_ns = Some(210_000)),
        with(|filter| {
            filter.min_duration_ns = Some(100_000_000);
            filter.max_duration_ns = Some(200_000_000);
        }),
        with(|filter| {
            failed(filter);
            filter.max_duration_ns = Some(210_000);
        }),
    ];
    for at in 0..4 {
        filters.push(with(|filter| service(filter, at)));
        filters.push(with(|filter| {
            service(filter, at);
            failed(filter);
            filter.kind = Some(SpanKind::Server);
        }));
        filters.push(with(|filter| {
            service(filter, at);
            filter.min_duration_ns = Some(50_000_000);
        }));
    }
    filters
}

#[tokio::test]
async fn a_total_is_correct_as_exact_or_as_a_lower_bound() {
    let (fixture, sent) = seeded().await;
    let now = fixture.now;
    let capped = fixture.database.store_with(StoreOptions {
        total_cap: 10_000,
        ..StoreOptions::new(move || now)
    });
    let reader = capped.reader(TenantId::DEFAULT);
    let (mut exact, mut at_least) = (0, 0);
    for filter in filters() {
        let truth = selected(&sent, &filter, fixture.now);
        let page = PageRequest {
            limit: 10,
            from: None,
        };
        let page = reader.list_traces(&filter, page).await.expect("lists");
        let items = unmatched(page.items);
        assert_eq!(items, truth[..truth.len().min(10)], "{filter:?}");
        let is_honest = match page.total {
            Total::Exact(count) => {
                exact += 1;
                count == truth.len() as u64
            }
            Total::AtLeast(count) => {
                at_least += 1;
                (11..=truth.len() as u64).contains(&count)
            }
        };
        assert!(is_honest, "{:?} of {}: {filter:?}", page.total, truth.len());
    }
    assert!(
        exact >= 5 && at_least >= 2,
        "{exact} {at_least}: the test is blunt"
    );
    capped.close().await;
}

#[tokio::test]
async fn statistics_say_whether_they_cover_all_or_the_newest_traces() {
    let (fixture, sent) = seeded().await;
    let hasty = fixture.hasty(500);
    for (reader, is_whole) in [
        (fixture.reader(), true),
        (hasty.reader(TenantId::DEFAULT), false),
    ] {
        let (mut all, mut newest) = (0, 0);
        for filter in filters() {
            let truth = selected(&sent, &filter, fixture.now);
            let statistics = reader.trace_statistics(&filter).await.expect("computes");
            let TraceStatistics { trace_count, .. } = statistics;
            let is_honest = match statistics.searched_to {
                None => {
                    all += 1;
                    trace_count == truth.len() as u64
                }
                Some(to) => {
                    newest += 1;
                    let newer = truth.iter().filter(|trace| trace.start >= to);
                    trace_count == newer.count() as u64 && trace_count < truth.len() as u64
                }
            };
            assert!(is_honest, "{statistics:?} of {}: {filter:?}", truth.len());
            let in_buckets = statistics.buckets.iter().map(|bucket| bucket.trace_count);
            assert_eq!(in_buckets.sum::<u64>(), trace_count, "{filter:?}");
        }
        assert!(
            if is_whole { newest == 0 } else { newest > 5 },
            "{all} {newest}: the test is blunt"
        );
    }
    hasty.close().await;
}

#[tokio::test]
async fn pages_of_rare_conjunctions_are_complete_and_ordered_in_both_directions() {
    let (fixture, sent) = seeded().await;
    let rare = [
        with(|filter| {
            filter.service = Some("service-02".to_owned());
            filter.kind = Some(SpanKind::Server);
            filter.status = Some(StatusFilter::Error);
        }),
        with(|filter| {
            filter.service = Some("service-00".to_owned());
            filter.min_duration_ns = Some(70_000_000);
        }),
        with(|filter| {
            filter.min_duration_ns = Some(100_000_000);
            filter.max_duration_ns = Some(300_000_000);
        }),
        with(|filter| filter.error = Some("upstream 17 ".to_owned())),
    ];
    for filter in rare {
        let truth = selected(&sent, &filter, fixture.now);
        assert!(
            (41..400).contains(&truth.len()),
            "{}: {filter:?}",
            truth.len()
        );
        let down = fixture.walk(&filter, Direction::After, None).await;
        assert_eq!(down.concat(), truth, "{filter:?}");
        let last = truth.last().expect("some");
        let end = Cursor {
            start: last.start,
            trace_id: last.trace_id,
        };
        let mut up = fixture.walk(&filter, Direction::Before, Some(end)).await;
        up.reverse();
        assert_eq!(up.concat(), truth[..truth.len() - 1], "{filter:?}");
    }
}
