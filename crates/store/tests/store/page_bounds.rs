//! Tests that a page stops at its time limit and reports its position, and that the next page
//! continues there.

use throughline_model::{Direction, OperationMatch, PageRequest, TimeRange, Total, TraceFilter};
use throughline_testkit::{Ids, Sent, selected};
use throughline_wire::{SpanKind, TenantId, UnixNanos};

use crate::support::{Fixture, lone, unmatched, walk};

fn filter(edit: impl FnOnce(&mut TraceFilter)) -> TraceFilter {
    let mut filter = TraceFilter {
        range: TimeRange::Last(8 * UnixNanos::PER_DAY),
        ..TraceFilter::default()
    };
    edit(&mut filter);
    filter
}

/// Asserts that a filter finds `old` and `new`, which have many other traces between them. Pages
/// with a short time limit report their position and reach both traces in both directions. A page
/// with enough time has both.
async fn assert_complete(
    fixture: &Fixture,
    (old, new): (&Sent, &Sent),
    edit: impl FnOnce(&mut TraceFilter),
) {
    let filter = filter(edit);
    let truth = selected(&[old.clone(), new.clone()], &filter, fixture.now);
    assert_eq!(truth.len(), 2, "{filter:?}: the test is blunt");
    let hasty = fixture.hasty(1_000);
    let reader = hasty.reader(TenantId::DEFAULT);
    let first = reader.list_traces(&filter, PageRequest::default()).await;
    let first = first.expect("lists");
    assert!(first.items.len() < 2, "{filter:?}");
    let cursor = first.after.expect("goes on");
    assert_eq!(first.searched_to, Some(cursor.start));
    // The rows of traces are sufficient to decide, and are counted.
    assert_eq!(first.total, Total::Exact(2), "{filter:?}");

    let down = walk(&*reader, &filter, Direction::After, None).await;
    assert!(down.len() > 2, "{filter:?}");
    assert_eq!(down.concat(), truth, "{filter:?}");
    let end = throughline_model::Cursor {
        start: old.span.start,
        trace_id: old.span.trace_id,
    };
    let up = walk(&*reader, &filter, Direction::Before, Some(end)).await;
    assert!(up.len() > 1);
    assert_eq!(up.concat(), truth[..1]);
    hasty.close().await;

    let whole = fixture.reader();
    let page = whole.list_traces(&filter, PageRequest::default()).await;
    let page = page.expect("lists");
    assert_eq!((page.after, page.searched_to), (None, None));
    assert_eq!(page.total, Total::Exact(2), "{filter:?}");
    assert_eq!(unmatched(page.items), truth);
}

fn sent_at(fixture: &Fixture, back_ms: i64, lasts_ns: i64, ids: &mut Ids) -> Sent {
    let span = lone("meant", ids).starts(fixture.at_ms(back_ms));
    let span = span.lasts(lasts_ns).user("anonymous");
    Sent::by("shop", span.kind(SpanKind::Server).build())
}

#[tokio::test]
async fn a_search_for_rare_matches_stops_and_continues_from_its_cursor() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(71);
    let old = sent_at(&fixture, -60_000, 1_000, &mut ids);
    let new = sent_at(&fixture, 0, 1_000, &mut ids);
    fixture.write(&[old.clone(), new.clone()]).await;
    fixture.fill(&new, new.span.start, 20_000, 1_000_000).await;
    assert_complete(&fixture, (&old, &new), |filter| {
        filter.max_duration_ns = Some(10_000);
    })
    .await;
}

/// Stores two slow traces of a user, a minute apart, and 20,000 shorter traces of the same user
/// between them.
async fn of_one_user(seed: u64) -> (Fixture, Sent, Sent) {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(seed);
    let old = sent_at(&fixture, -60_000, 60_000_000, &mut ids);
    let new = sent_at(&fixture, 0, 60_000_000, &mut ids);
    fixture.write(&[old.clone(), new.clone()]).await;
    fixture.fill(&new, new.span.start, 20_000, 40_000_000).await;
    (fixture, old, new)
}

#[tokio::test]
async fn a_search_by_duration_stops_and_continues_from_its_cursor() {
    let (fixture, old, new) = of_one_user(73).await;
    assert_complete(&fixture, (&old, &new), |filter| {
        filter.min_duration_ns = Some(50_000_000);
    })
    .await;
}

#[tokio::test]
async fn a_filter_that_selects_many_operations_finds_their_traces() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(72);
    let old = sent_at(&fixture, -60_000, 1_000, &mut ids);
    let new = sent_at(&fixture, 0, 1_000, &mut ids);
    let other = lone("other", &mut ids).starts(fixture.at_ms(-120_000));
    let other = Sent::by("shop", other.kind(SpanKind::Client).build());
    fixture
        .write(&[old.clone(), new.clone(), other.clone()])
        .await;
    fixture.fill(&other, new.span.start, 20_000, 1_000).await;
    let mut connection = fixture.database.connection().await;
    let named = sqlx::query(
        "INSERT INTO operations (tenant_id, id, service_id, kind, name, name_folded)
         SELECT tenant_id, id + at, service_id, kind, name || at, name_folded || at
         FROM operations, generate_series(1, 5000) AS at WHERE name = 'meant'",
    );
    named.execute(&mut connection).await.expect("names");
    let truth = selected(&[old, new], &filter(|_| {}), fixture.now);
    for filter in [
        filter(|filter| filter.kind = Some(SpanKind::Server)),
        filter(|filter| filter.operation = Some(OperationMatch::Contains("EAN".to_owned()))),
    ] {
        let reader = fixture.reader();
        let page = reader.list_traces(&filter, PageRequest::default()).await;
        let page = page.expect("lists");
        assert_eq!(page.total, Total::Exact(2));
        assert_eq!(unmatched(page.items), truth);
        let statistics = reader.trace_statistics(&filter).await.expect("computes");
        assert_eq!((statistics.trace_count, statistics.searched_to), (2, None));
    }
}
