//! Tests that an erasure checks the disk before each step and stops at the reserve.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use throughline_model::StorageGauge;
use throughline_store::testing::table_digests;
use throughline_store::{Gauge, StoreError};
use throughline_testkit::Ids;

use super::{PAYLOADS, erase, erase_within, execute, large, small, write};
use crate::support::Fixture;

/// Returns a gauge whose reserve is reached after this number of checks.
fn full_after(looks: u64) -> Gauge {
    let looked = AtomicU64::new(0);
    Arc::new(move || StorageGauge {
        budget_bytes: None,
        used_bytes: 0,
        reusable_bytes: 0,
        free_bytes: Some(u64::from(looked.fetch_add(1, Ordering::Relaxed) < looks)),
        reserve_bytes: 1,
    })
}

#[tokio::test]
async fn an_erasure_stops_at_the_disk_reserve_and_the_next_one_continues() {
    let fixture = Fixture::new().await;
    let gone = large(&fixture, &mut Ids::seeded(1), ["one", "two"]);
    write(&fixture, &[&gone]).await;
    let before = table_digests(fixture.database.url()).await;
    let counts = [
        "SELECT count(*) FROM traces",
        "SELECT count(*) FROM level0_blocks",
        PAYLOADS,
    ];
    // The trace rows, the block, the payloads.
    for (looks, expected) in [
        (0, [1, 1, 2]),
        (1, [0, 1, 2]),
        (1, [0, 1, 2]),
        (2, [0, 0, 2]),
    ] {
        let erased = erase_within(&fixture, &[gone.trace_id], false, &full_after(looks)).await;
        let error = erased.expect_err("stops");
        assert!(matches!(error, StoreError::DiskReserve), "{error}");
        if looks == 0 {
            assert_eq!(table_digests(fixture.database.url()).await, before);
        }
        for (count, expected) in counts.into_iter().zip(expected) {
            assert_eq!(
                fixture.count(count).await,
                expected,
                "{looks} looks: {count}"
            );
        }
    }
    erase(&fixture, &[gone.trace_id]).await;
    assert_eq!(fixture.count(PAYLOADS).await, 0);
}

#[tokio::test]
async fn a_dry_run_of_an_erasure_ignores_the_disk_reserve() {
    let fixture = Fixture::new().await;
    let gone = large(&fixture, &mut Ids::seeded(2), ["one", "two"]);
    write(&fixture, &[&gone]).await;
    let report = erase_within(&fixture, &[gone.trace_id], true, &full_after(0)).await;
    assert_eq!(report.expect("counts").blocks, 1);
}

#[tokio::test]
async fn the_events_of_a_trace_are_removed_in_batches() {
    const EVENTS: i64 = 5_000;
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(31);
    let [gone, kept] = [(); 2].map(|()| small(&fixture, &mut ids));
    write(&fixture, &[&gone, &kept]).await;
    for trace_id in [gone.trace_id, kept.trace_id] {
        execute(
            &fixture,
            format!(
                "INSERT INTO events (tenant_id, trace_id, at_ns, received_ns, digest, resource_id,
                     scope_id, severity)
                 SELECT tenant_id, trace_id, start_ns + i, start_ns, hashtext(trace_id::text), 1, 1, 9
                 FROM traces CROSS JOIN generate_series(1, {EVENTS}) AS i
                 WHERE trace_id = '{trace_id}'"
            ),
        )
        .await;
    }
    execute(
        &fixture,
        "CREATE TABLE removed (transaction xid8, row_count bigint);
         CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN
             INSERT INTO removed SELECT pg_current_xact_id(), count(*) FROM gone;
             RETURN NULL;
         END $$;
         CREATE TRIGGER note AFTER DELETE ON events REFERENCING OLD TABLE AS gone
             FOR EACH STATEMENT EXECUTE FUNCTION note()"
            .to_owned(),
    )
    .await;
    erase(&fixture, &[gone.trace_id]).await;
    let largest = "SELECT max(row_count)::bigint FROM (
            SELECT sum(row_count) AS row_count FROM removed GROUP BY transaction
        ) AS of_transaction";
    assert!(fixture.count(largest).await <= 2_000);
    let removed = "SELECT sum(row_count)::bigint FROM removed";
    assert_eq!(fixture.count(removed).await, EVENTS);
    assert_eq!(fixture.count("SELECT count(*) FROM events").await, EVENTS);
}
