//! Tests that spans are in the partition of their day, and old ones in the archive.

use throughline_model::{TimeRange, TraceFilter};
use throughline_testkit::{Ids, Sent, span};
use throughline_wire::UnixNanos;

use crate::support::{Fixture, lone, received};

const DAY: i64 = UnixNanos::PER_DAY;

fn midnight(now: UnixNanos) -> UnixNanos {
    UnixNanos::new(now.get() - now.get().rem_euclid(DAY))
}

#[tokio::test]
async fn a_trace_across_midnight_is_one_trace() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(41);
    let today = midnight(fixture.now);
    let before = lone("before", &mut ids)
        .starts(today.saturating_add(-1))
        .build();
    let after = span("after")
        .id(ids.span_id())
        .child_of(&before)
        .starts(today)
        .build();
    let trace_id = before.trace_id;
    let sent = [Sent::by("shop", before), Sent::by("shop", after)];
    assert_eq!(fixture.write(&sent).await, received(2));
    assert_eq!(fixture.trace(trace_id).await.spans.len(), 2);
}

#[tokio::test]
async fn a_span_of_1990_and_one_before_1970_are_stored_and_read() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(42);
    let ancient = lone("1960", &mut ids)
        .starts(UnixNanos::new(-10 * 365 * DAY))
        .build();
    let old = lone("1990", &mut ids)
        .starts(UnixNanos::new(20 * 365 * DAY))
        .build();
    let sent = [ancient, old].map(|span| Sent::by("shop", span));
    assert_eq!(fixture.write(&sent).await, received(2));
    for sent in &sent {
        let trace = fixture.trace(sent.span.trace_id).await;
        assert_eq!(trace.spans[0].span, sent.span);
    }
    let filter = TraceFilter {
        range: TimeRange::Between(UnixNanos::new(0), fixture.now),
        ..TraceFilter::default()
    };
    assert_eq!(fixture.list(&filter).await.len(), 1);
}

#[tokio::test]
async fn a_span_far_ahead_is_rejected() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(43);
    let far = lone("far", &mut ids)
        .starts(fixture.now.saturating_add(400 * DAY))
        .build();
    let near = lone("near", &mut ids)
        .starts(fixture.now.saturating_add(DAY))
        .build();
    let outcome = fixture
        .write(&[Sent::by("shop", far), Sent::by("shop", near)])
        .await;
    assert_eq!(outcome.received, 1);
    assert_eq!(outcome.rejected.len(), 1);
    assert_eq!(outcome.rejected[0].index, 0);
    assert!(outcome.rejected[0].reason.contains("ahead"));
}

#[tokio::test]
async fn a_missing_partition_is_created_again() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(44);
    let day = midnight(fixture.now).saturating_add(-3 * DAY);
    let mut large = |name: &'static str| {
        let span = lone(name, &mut ids).starts(day);
        Sent::by("shop", span.with("body", name.repeat(10_000)).build())
    };
    let (first, second) = (large("first"), large("second"));
    fixture.write(&[first]).await;
    let table = "SELECT tableoid::regclass::text FROM payloads";
    let mut connection = fixture.database.connection().await;
    let table: String = sqlx::query_scalar(table)
        .fetch_one(&mut connection)
        .await
        .expect("has one");
    sqlx::query(sqlx::AssertSqlSafe(format!("DROP TABLE {table}")))
        .execute(&mut connection)
        .await
        .expect("drops");
    assert_eq!(
        fixture.write(std::slice::from_ref(&second)).await,
        received(1)
    );
    let trace = fixture.trace(second.span.trace_id).await;
    assert_eq!(trace.spans[0].span, second.span);
}
