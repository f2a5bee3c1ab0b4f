//! A page looks at so many traces at most, says how far it got, and the next goes on from there.

use throughline_model::{
    Cursor, Direction, OperationMatch, PageRequest, TimeRange, Total, TraceFilter,
};
use throughline_testkit::{Ids, Sent, selected};
use throughline_wire::{SpanKind, UnixNanos};

use crate::support::{Fixture, lone};

/// Traces that one page looks at.
const LOOKED_AT: i64 = 15_000;

fn filter(edit: impl FnOnce(&mut TraceFilter)) -> TraceFilter {
    let mut filter = TraceFilter {
        range: TimeRange::Last(8 * UnixNanos::PER_DAY),
        ..TraceFilter::default()
    };
    edit(&mut filter);
    filter
}

/// The filter means two traces, and between them more than a page looks at that it does not mean:
/// its pages are bounded, have so many traces each as `found` says, and lead to both, both ways.
async fn assert_bounded(
    fixture: &Fixture,
    (old, new): (&Sent, &Sent),
    found: &[usize],
    edit: impl FnOnce(&mut TraceFilter),
) {
    let filter = filter(edit);
    let reader = fixture.reader();
    let first = reader.list_traces(&filter, PageRequest::default()).await;
    let first = first.expect("lists");
    assert_eq!(first.items.len(), 1, "{filter:?}");
    let place = first.after.expect("goes on");
    assert_eq!(first.searched_to, Some(place.start));
    // The bound counts the traces that were looked at.
    assert_eq!(place.start.get(), new.span.start.get() - (LOOKED_AT - 1));
    assert_eq!(first.total, Total::AtLeast(1), "{filter:?}");

    let down = fixture.walk(&filter, Direction::After, None).await;
    let lens: Vec<_> = down.iter().map(Vec::len).collect();
    assert_eq!(lens, found, "{filter:?}");
    let truth = selected(&[old.clone(), new.clone()], &filter, fixture.now);
    assert_eq!(down.concat(), truth);
    let end = Cursor {
        start: old.span.start,
        trace_id: old.span.trace_id,
    };
    let up = fixture.walk(&filter, Direction::Before, Some(end)).await;
    assert!(up.len() > 1);
    assert_eq!(up.concat(), truth[..1]);
}

fn sent_at(fixture: &Fixture, back_ms: i64, lasts_ns: i64, ids: &mut Ids) -> Sent {
    let span = lone("meant", ids).starts(fixture.at_ms(back_ms));
    let span = span.lasts(lasts_ns).user("anonymous");
    Sent::by("shop", span.kind(SpanKind::Server).build())
}

#[tokio::test]
async fn a_page_of_what_seldom_meets_stops_at_a_bound_and_goes_on_from_there() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(71);
    let old = sent_at(&fixture, -60_000, 1_000, &mut ids);
    let new = sent_at(&fixture, 0, 1_000, &mut ids);
    fixture.write(&[old.clone(), new.clone()]).await;
    fixture.fill(&new, new.span.start, 60_000, 1_000_000).await;
    assert_bounded(&fixture, (&old, &new), &[1, 0, 0, 0, 1], |filter| {
        filter.max_duration_ns = Some(10_000);
    })
    .await;
}

#[tokio::test]
async fn more_operations_than_a_statement_is_given_are_asked_of_each_trace() {
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
    let mut add = async |from: i64, to: i64| {
        let named = sqlx::query(
            "INSERT INTO operations (tenant_id, id, service_id, kind, name, name_folded)
             SELECT tenant_id, id + at, service_id, kind, name || at, name_folded || at
             FROM operations, generate_series($1, $2) AS at WHERE name = 'meant'",
        );
        let named = named.bind(from).bind(to).execute(&mut connection);
        named.await.expect("names");
    };
    let of_kind = |filter: &mut TraceFilter| filter.kind = Some(SpanKind::Server);
    let named = |filter: &mut TraceFilter| {
        filter.operation = Some(OperationMatch::Contains("EAN".to_owned()));
    };
    add(1, 1_999).await;
    let filter = filter(of_kind);
    let reader = fixture.reader();
    let page = reader.list_traces(&filter, PageRequest::default()).await;
    assert_eq!(page.expect("lists").total, Total::Exact(2));

    add(2_000, 2_000).await;
    assert_bounded(&fixture, (&old, &new), &[1, 1], of_kind).await;
    assert_bounded(&fixture, (&old, &new), &[1, 1], named).await;
    let statistics = reader.trace_statistics(&filter).await.expect("computes");
    assert_eq!(statistics.trace_count, 1);
    let looked_to = new.span.start.saturating_add(1 - LOOKED_AT);
    assert_eq!(statistics.searched_to, Some(looked_to));
}

/// Two slow traces of a user, a minute apart, and 60,000 shorter ones of the same between them.
async fn of_one_user(seed: u64) -> (Fixture, Sent, Sent) {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(seed);
    let old = sent_at(&fixture, -60_000, 60_000_000, &mut ids);
    let new = sent_at(&fixture, 0, 60_000_000, &mut ids);
    fixture.write(&[old.clone(), new.clone()]).await;
    fixture.fill(&new, new.span.start, 60_000, 40_000_000).await;
    (fixture, old, new)
}

#[tokio::test]
async fn a_page_by_durations_stops_at_a_bound_and_goes_on_from_there() {
    let (fixture, old, new) = of_one_user(73).await;
    // Of the same class as the 40 ms that are not meant.
    assert_bounded(&fixture, (&old, &new), &[1, 0, 0, 0, 1], |filter| {
        filter.min_duration_ns = Some(50_000_000);
    })
    .await;
}

#[tokio::test]
async fn a_page_of_a_user_of_many_traces_stops_at_a_bound_and_goes_on_from_there() {
    let (fixture, old, new) = of_one_user(74).await;
    let other = lone("other", &mut Ids::seeded(75)).starts(fixture.at_ms(-120_000));
    let other = Sent::by("shop", other.lasts(60_000_000).user("another").build());
    fixture.write(std::slice::from_ref(&other)).await;
    // Newer than all of the user's, and too many to be the way to them.
    fixture
        .fill(&other, fixture.at_ms(60_000), 240_000, 60_000_000)
        .await;
    assert_bounded(&fixture, (&old, &new), &[1, 0, 0, 0, 1], |filter| {
        filter.range = TimeRange::Between(fixture.at_ms(-600_000), fixture.at_ms(600_000));
        filter.user = Some("anonymous".to_owned());
        filter.min_duration_ns = Some(50_000_000);
    })
    .await;
}
