//! Tests that a commit reaches the subscribers of every store on the database.

use std::time::Duration;

use throughline_model::{LagReason, LiveEvent, LiveSubscription, TraceSummary};
use throughline_store::WriteBatch;
use throughline_testkit::{Ids, Sent};
use throughline_wire::TenantId;

use crate::support::{Fixture, batch, lone, received};

/// The timeout of each step, far longer than any step takes.
const TIMEOUT: Duration = Duration::from_secs(20);

async fn next(subscription: &mut dyn LiveSubscription) -> Option<LiveEvent> {
    tokio::time::timeout(TIMEOUT, subscription.next())
        .await
        .expect("something is received")
}

async fn traces(subscription: &mut dyn LiveSubscription) -> Vec<TraceSummary> {
    match next(subscription).await {
        Some(LiveEvent::Traces(traces)) => traces.to_vec(),
        other => panic!("traces expected, not {other:?}"),
    }
}

/// Returns a subscription that receives every commit from now on.
async fn listening(fixture: &Fixture) -> Box<dyn LiveSubscription> {
    let mut subscription = fixture.store.live(TenantId::DEFAULT).subscribe();
    assert_eq!(next(&mut *subscription).await, Some(LiveEvent::Listening));
    subscription
}

fn one(name: &'static str, seed: u64, fixture: &Fixture) -> Sent {
    let span = lone(name, &mut Ids::seeded(seed)).starts(fixture.now);
    Sent::by("shop", span.build())
}

#[tokio::test]
async fn a_commit_of_one_store_reaches_the_subscribers_of_another() {
    let fixture = Fixture::new().await;
    let other = fixture.database.store(fixture.now);
    let mut here = listening(&fixture).await;
    let mut there = other.live(TenantId::DEFAULT).subscribe();
    assert_eq!(next(&mut *there).await, Some(LiveEvent::Listening));

    let sent = one("GET /cart", 1, &fixture);
    assert_eq!(
        fixture.write(std::slice::from_ref(&sent)).await,
        received(1)
    );
    for subscription in [&mut here, &mut there] {
        let received = traces(&mut **subscription).await;
        assert_eq!(
            received,
            fixture
                .list(&throughline_model::TraceFilter::default())
                .await
        );
        assert_eq!(received[0].trace_id, sent.span.trace_id);
    }
    other.close().await;
    assert_eq!(next(&mut *there).await, None);
}

#[tokio::test]
async fn a_trace_with_new_spans_is_sent_again_with_its_new_summary() {
    let fixture = Fixture::new().await;
    let mut subscription = listening(&fixture).await;
    let mut ids = Ids::seeded(1);
    let root = lone("root", &mut ids).starts(fixture.now).build();
    let mut child = lone("child", &mut ids).starts(fixture.now).build();
    child.trace_id = root.trace_id;
    child.parent_span_id = Some(root.span_id);
    for (span, count) in [(child, 1), (root, 2)] {
        fixture.write(&[Sent::by("shop", span)]).await;
        let received = traces(&mut *subscription).await;
        assert_eq!(received.len(), 1);
        assert_eq!(
            (received[0].span_count, received[0].has_root),
            (count, count == 2)
        );
    }
}

#[tokio::test]
async fn a_duplicate_batch_sends_no_live_event() {
    let fixture = Fixture::new().await;
    let mut subscription = listening(&fixture).await;
    let (first, second) = (one("first", 1, &fixture), one("second", 2, &fixture));
    fixture.write(std::slice::from_ref(&first)).await;
    assert_eq!(traces(&mut *subscription).await[0].root_name, "first");
    assert_eq!(fixture.write(&[first]).await.duplicate, 1);
    fixture.write(&[second]).await;
    assert_eq!(traces(&mut *subscription).await[0].root_name, "second");
}

#[tokio::test]
async fn a_subscriber_gets_no_commits_of_another_tenant() {
    let fixture = Fixture::new().await;
    let mut subscription = listening(&fixture).await;
    let foreign = WriteBatch {
        tenant: TenantId::from_bytes([7; 16]),
        ..batch(&[one("foreign", 1, &fixture)])
    };
    fixture
        .store
        .writer()
        .submit(foreign)
        .await
        .expect("is stored");
    fixture.write(&[one("mine", 2, &fixture)]).await;
    assert_eq!(traces(&mut *subscription).await[0].root_name, "mine");
}

#[tokio::test]
async fn a_live_event_of_a_large_commit_reports_how_many_traces_it_left_out() {
    const COUNT: u64 = 3_000;
    let fixture = Fixture::new().await;
    let mut subscription = listening(&fixture).await;
    let sent: Vec<Sent> = (0..COUNT).map(|seed| one("work", seed, &fixture)).collect();
    assert_eq!(fixture.write(&sent).await, received(COUNT));
    let (mut received, mut missed) = (0, 0);
    while received + missed < COUNT {
        match next(&mut *subscription).await {
            Some(LiveEvent::Traces(traces)) => received += traces.len() as u64,
            Some(LiveEvent::Lag(lag)) => {
                assert_eq!(lag.reason, LagReason::Overflow);
                missed += lag.missed;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((received, missed), (2_880, 120));
}

#[tokio::test]
async fn a_lost_listen_connection_is_reported_and_reconnected() {
    let fixture = Fixture::new().await;
    let mut subscription = listening(&fixture).await;
    sqlx::query("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = $1")
        .bind(fixture.database.name())
        .execute(&mut fixture.database.admin().await)
        .await
        .expect("terminates");
    assert_eq!(
        next(&mut *subscription).await,
        Some(LiveEvent::Reconnecting)
    );
    assert_eq!(next(&mut *subscription).await, Some(LiveEvent::Listening));
    fixture.write(&[one("after", 1, &fixture)]).await;
    assert_eq!(traces(&mut *subscription).await[0].root_name, "after");
}

#[tokio::test]
async fn closing_the_store_ends_every_subscription() {
    let fixture = Fixture::new().await;
    let mut subscription = listening(&fixture).await;
    fixture.store.close().await;
    assert_eq!(next(&mut *subscription).await, None);
    let mut late = fixture.store.live(TenantId::DEFAULT).subscribe();
    assert_eq!(next(&mut *late).await, None);
}
