//! Tests that an erasure counts a damaged block and rewrites the others.

use throughline_store::ErasureReport;
use throughline_testkit::Ids;
use throughline_wire::{Span, TraceId};

use super::{break_values, erase, execute, small, try_to_erase, write};
use crate::support::{Fixture, lone};

/// SQL expressions that damage the row of a block with one trace.
const DAMAGE: [&str; 5] = [
    "columns = set_byte(columns, 9, get_byte(columns, 9) # 1)",
    // The row cannot be decoded.
    "statuses = array_append(statuses, NULL)",
    "trace_ids = array_append(trace_ids, NULL)",
    // The block claims to have no span of the trace.
    "trace_ids[1] = gen_random_uuid()",
    "first_trace_id = 'ffffffff-ffff-ffff-ffff-ffffffffffff'",
];

/// Stores a span of the trace of `gone` in its own block.
async fn write_more(fixture: &Fixture, ids: &mut Ids, gone: &Span) {
    let more = lone("more", ids).child_of(gone).starts(fixture.now);
    write(fixture, &[&more.build()]).await;
}

/// Erases a trace that has one damaged and one good block.
async fn assert_costs_one_block(fixture: &Fixture, trace_id: TraceId, damage: &str) {
    let dry = try_to_erase(fixture, &[trace_id], true).await;
    let dry = dry.expect("counts");
    assert_eq!(dry.blocks + dry.damaged_blocks, 2, "{damage}");
    let report = erase(fixture, &[trace_id]).await;
    let expected = ErasureReport {
        traces: 1,
        blocks: 1,
        spans: 1,
        damaged_blocks: 1,
        ..ErasureReport::default()
    };
    assert_eq!(report, expected, "{damage}");
}

#[tokio::test]
async fn an_erasure_reports_a_damaged_block_and_rewrites_the_others() {
    for damage in DAMAGE {
        let fixture = Fixture::new().await;
        let mut ids = Ids::seeded(1);
        let gone = small(&fixture, &mut ids);
        write(&fixture, &[&gone]).await;
        execute(&fixture, format!("UPDATE level0_blocks SET {damage}")).await;
        write_more(&fixture, &mut ids, &gone).await;
        assert_costs_one_block(&fixture, gone.trace_id, damage).await;
    }
}

#[tokio::test]
async fn an_erasure_reports_a_block_that_the_database_cannot_read() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(2);
    // Enough traces that Postgres stores their list in TOAST.
    let spans: Vec<Span> = (0..900).map(|_| small(&fixture, &mut ids)).collect();
    write(&fixture, &spans.iter().collect::<Vec<_>>()).await;
    break_values(&fixture, "'level0_blocks'::regclass").await;
    write_more(&fixture, &mut ids, &spans[0]).await;
    assert_costs_one_block(&fixture, spans[0].trace_id, "chunk").await;
}

#[tokio::test]
async fn an_erasure_ignores_a_damaged_block_without_the_trace() {
    let fixture = Fixture::new().await;
    let mut ids = Ids::seeded(3);
    let other = small(&fixture, &mut ids);
    write(&fixture, &[&other]).await;
    execute(
        &fixture,
        "UPDATE level0_blocks SET first_trace_id = 'ffffffff-ffff-ffff-ffff-ffffffffffff',
             statuses = array_append(statuses, NULL)",
    )
    .await;
    let gone = small(&fixture, &mut ids);
    write(&fixture, &[&gone]).await;
    let report = erase(&fixture, &[gone.trace_id]).await;
    assert_eq!((report.blocks, report.damaged_blocks), (1, 0));
}
