//! Tests that a seeded database equals one that received the same spans.

use throughline_model::{PageRequest, TimeRange, Total, TraceFilter};
use throughline_store::testing::seed::{SeedOptions, seed};
use throughline_wire::UnixNanos;

use crate::support::Fixture;

#[tokio::test]
async fn seeding_stores_every_span_once_and_spreads_traces_over_the_days() {
    let fixture = Fixture::new().await;
    let options = SeedOptions {
        spans: 3_000,
        days: 3,
        errors_per_mille: 100,
        ..SeedOptions::new(fixture.now)
    };
    for expected in [3_000, 0] {
        let stored = seed(fixture.database.url(), &options)
            .await
            .expect("is seeded");
        assert_eq!(stored, expected, "the same spans again are duplicates");
    }
    for (days, least, most) in [(1, 95, 105), (4, 300, 300)] {
        let filter = TraceFilter {
            range: TimeRange::Last(days * UnixNanos::PER_DAY),
            ..TraceFilter::default()
        };
        let page = fixture
            .reader()
            .list_traces(&filter, PageRequest::default())
            .await
            .expect("lists");
        let Total::Exact(count) = page.total else {
            panic!("{:?}", page.total);
        };
        assert!((least..=most).contains(&count), "{days} days: {count}");
        assert_eq!(page.items[0].span_count, 10);
    }
}
