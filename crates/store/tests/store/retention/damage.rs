//! Tests that a damaged block of level 1 is not changed and does not stop retention.

use metrics::set_default_local_recorder;
use throughline_model::PartitionStep;
use throughline_store::testing::no_limit;
use throughline_testkit::{Ids, Sent};
use throughline_wire::TraceId;

use super::support::{Aged, DAY};
use crate::counted::CountedMetric;
use crate::support::lone;

/// The SQL expressions that damage the row of a block.
const DAMAGE: [&str; 4] = [
    // Some bytes differ from the written ones.
    "directory = set_byte(directory, 9, get_byte(directory, 9) # 1)",
    "columns = set_byte(columns, 9, get_byte(columns, 9) # 1)",
    "span_ids[1] = span_ids[1] # 1",
    // The row cannot be decoded.
    "statuses = array_append(statuses, NULL)",
];

/// Stores two blocks, each with a kept and an expired trace, and damages one of them. Returns the
/// kept traces. The spans were received nine days ago; one has a large value.
async fn two_blocks(damage: &str) -> (Aged, TraceId, TraceId) {
    let mut aged = Aged::new().await;
    let pinned = aged.trace(9, false).await;
    aged.pin(pinned).await;
    let start = aged.noon.saturating_add(-9 * DAY);
    let large = lone("large", &mut Ids::seeded(3)).starts(start);
    let large = large.with("value", "large".repeat(10_000)).build();
    let large_id = large.trace_id;
    aged.fixture.write(&[Sent::by("shop", large)]).await;
    aged.came_at_once(large_id).await;
    aged.compact().await;
    aged.execute(&format!("UPDATE level1_blocks SET {damage}"))
        .await;
    let whole = aged.trace(9, false).await;
    aged.pin(whole).await;
    aged.trace(9, false).await;
    aged.compact().await;
    (aged, pinned, whole)
}

/// A query for a digest of the row of the damaged block, without its id.
const DIGEST: &str = "SELECT hashtextextended(min(b::text), 0) FROM level1_blocks AS b
    WHERE id = (SELECT min(id) FROM level1_blocks)";
/// A query for the number of traces of all blocks, counted once for each block.
const TRACES: &str = "SELECT sum(cardinality(trace_ids))::bigint FROM level1_blocks";

#[tokio::test]
async fn retention_keeps_a_damaged_block_reports_it_once_and_removes_the_rest() {
    for damage in DAMAGE {
        let reports = CountedMetric::corrupt_blocks();
        let _guard = set_default_local_recorder(&reports);
        let (aged, pinned, whole) = two_blocks(damage).await;
        let before = aged.fixture.count(DIGEST).await;
        let mut lead = aged.lead().await;
        let report = lead.retain(aged.now(), &no_limit()).await.expect("runs");
        let rewritten = |report: &throughline_model::RetentionReport| {
            let blocks = report.partitions.iter();
            blocks
                .filter(|change| change.table.starts_with("level1_blocks_"))
                .map(|change| change.step)
                .collect::<Vec<_>>()
        };
        assert_eq!(rewritten(&report), [PartitionStep::Rewrite], "{damage}");
        assert_eq!(report.ok.trace_count, 2, "{damage}");
        assert_eq!(aged.fixture.count(DIGEST).await, before, "{damage}");
        // Two traces in the damaged block, one in the other.
        assert_eq!(aged.fixture.count(TRACES).await, 3, "{damage}");
        assert_eq!(aged.fixture.trace(whole).await.spans.len(), 2, "{damage}");
        assert_eq!(aged.listed().await, [pinned, whole].into(), "{damage}");
        // The next run skips the partition, because nothing more can be removed.
        let again = lead.retain(aged.now(), &no_limit()).await.expect("runs");
        assert_eq!(rewritten(&again), [], "{damage}");
        assert_eq!(reports.count(), 1, "{damage}");
        // The block is removed once none of its traces is kept.
        aged.unpin().await;
        lead.retain(aged.now(), &no_limit()).await.expect("runs");
        assert_eq!(aged.span_partitions().await, 0, "{damage}");
        lead.release().await;
    }
}

#[tokio::test]
async fn retention_keeps_an_unreadable_table_and_removes_other_days() {
    let mut aged = Aged::new().await;
    let pinned = aged.trace(12, false).await;
    aged.pin(pinned).await;
    aged.trace(12, false).await;
    aged.trace(9, false).await;
    aged.compact().await;
    // A torn page of the table: the table cannot be copied.
    aged.execute(
        "CREATE FUNCTION fail() RETURNS event_trigger LANGUAGE plpgsql AS $$
         BEGIN RAISE EXCEPTION 'injected' USING ERRCODE = 'XX001'; END $$;
         CREATE EVENT TRIGGER fail ON ddl_command_end WHEN TAG IN ('CREATE TABLE')
             EXECUTE FUNCTION fail();",
    )
    .await;
    let report = aged.run(aged.now()).await;
    assert_eq!((report.postponed_days, report.partitions.len()), (1, 1));
    assert_eq!(aged.stored_spans().await.len(), 2);
    aged.execute("DROP EVENT TRIGGER fail").await;
    aged.run(aged.now()).await;
    aged.assert_left(&[pinned]).await;
}
