//! Tests that statistics equal those of the rows that the same filter lists.

use throughline_model::{StatusFilter, TimeRange, TraceFilter};
use throughline_testkit::{Ids, Sent, statistics_of};
use throughline_wire::UnixNanos;

use crate::list::varied;
use crate::support::{Fixture, lone};

#[tokio::test]
async fn statistics_equal_the_plain_computation_over_the_listed_rows() {
    let fixture = Fixture::new().await;
    fixture.write(&varied(&mut Ids::seeded(31), &fixture)).await;
    let filters = [
        TraceFilter::default(),
        TraceFilter {
            range: TimeRange::Last(7 * UnixNanos::PER_MINUTE + 13),
            ..TraceFilter::default()
        },
        TraceFilter {
            status: Some(StatusFilter::Error),
            service: Some("cart".to_owned()),
            ..TraceFilter::default()
        },
        TraceFilter {
            min_duration_ns: Some(1_000_000_000),
            ..TraceFilter::default()
        },
        TraceFilter {
            user: Some("nobody".to_owned()),
            ..TraceFilter::default()
        },
    ];
    for filter in filters {
        let rows = fixture.list(&filter).await;
        let (from, to) = filter.range.bounds(fixture.now);
        let statistics = fixture
            .reader()
            .trace_statistics(&filter)
            .await
            .expect("computes");
        assert_eq!(statistics, statistics_of(&rows, from, to), "{filter:?}");
        let in_buckets: u64 = statistics
            .buckets
            .iter()
            .map(|bucket| bucket.trace_count)
            .sum();
        assert_eq!(in_buckets, rows.len() as u64);
    }
}

#[tokio::test]
async fn one_operation_of_two_kinds_is_one_row() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(32);
    let sent = [
        throughline_wire::SpanKind::Server,
        throughline_wire::SpanKind::Client,
    ]
    .map(|kind| {
        let span = lone("GET /", &mut ids).kind(kind).starts(fixture.now);
        Sent::by("shop", span.build())
    });
    fixture.write(&sent).await;
    let statistics = fixture
        .reader()
        .trace_statistics(&TraceFilter::default())
        .await
        .expect("computes");
    assert_eq!(statistics.by_operation.len(), 1);
    assert_eq!(statistics.by_operation[0].trace_count, 2);
}

#[tokio::test]
async fn statistics_work_for_the_widest_time_range() {
    let fixture = Fixture::new().await;
    let span = lone("old", &mut Ids::seeded(33))
        .starts(fixture.now)
        .build();
    fixture.write(&[Sent::by("shop", span)]).await;
    let filter = TraceFilter {
        range: TimeRange::Between(UnixNanos::new(i64::MIN), UnixNanos::new(i64::MAX)),
        ..TraceFilter::default()
    };
    let statistics = fixture
        .reader()
        .trace_statistics(&filter)
        .await
        .expect("computes");
    assert_eq!(statistics.trace_count, 1);
    assert_eq!(statistics.buckets.len(), 60);
}
