//! A damaged block of level 1 stays as it is and holds nothing up.

use metrics::set_default_local_recorder;
use throughline_model::PartitionStep;
use throughline_testkit::{Ids, Sent};
use throughline_wire::TraceId;

use super::support::{Aged, DAY};
use crate::counted::CountedMetric;
use crate::support::lone;

/// The damage that is done to a block, as a change of its row.
const DAMAGE: [&str; 4] = [
    // Bytes are not what was written.
    "directory = set_byte(directory, 9, get_byte(directory, 9) # 1)",
    "columns = set_byte(columns, 9, get_byte(columns, 9) # 1)",
    "span_ids[1] = span_ids[1] # 1",
    // The row itself cannot be decoded.
    "statuses = array_append(statuses, NULL)",
];

/// One block of a kept and an expired trace that is damaged, another one that is not, and the kept
/// traces of both. They were received nine days ago; one has a large value.
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

/// A digest of the row of the damaged block, without its id.
const DIGEST: &str = "SELECT hashtextextended(min(b::text), 0) FROM level1_blocks AS b
    WHERE id = (SELECT min(id) FROM level1_blocks)";
/// Traces in blocks, once a block.
const TRACES: &str = "SELECT sum(cardinality(trace_ids))::bigint FROM level1_blocks";

#[tokio::test]
async fn retention_keeps_a_damaged_block_reports_it_once_and_removes_the_rest() {
    for damage in DAMAGE {
        let reports = CountedMetric::corrupt_blocks();
        let _guard = set_default_local_recorder(&reports);
        let (aged, pinned, whole) = two_blocks(damage).await;
        let before = aged.fixture.count(DIGEST).await;
        let mut lead = aged.lead().await;
        let report = lead.retain(aged.now()).await.expect("runs");
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
        // Two in the damaged block, and one in the other.
        assert_eq!(aged.fixture.count(TRACES).await, 3, "{damage}");
        assert_eq!(aged.fixture.trace(whole).await.spans.len(), 2, "{damage}");
        assert_eq!(aged.listed().await, [pinned, whole].into(), "{damage}");
        // Nothing more can be done: the next run leaves the partition alone.
        let again = lead.retain(aged.now()).await.expect("runs");
        assert_eq!(rewritten(&again), [], "{damage}");
        assert_eq!(reports.count(), 1, "{damage}");
        // Once none of its traces is kept it goes.
        aged.unpin().await;
        lead.retain(aged.now()).await.expect("runs");
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
    // As when a page of the table is torn: the copy of it cannot be made.
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
