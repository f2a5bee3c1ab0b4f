//! Erases the stored data of selected traces, regardless of the retention rules.
//!
//! First the events of the traces are removed, in batches, then their rows with their pins: from then on
//! no reader finds them. Then their spans are removed from the blocks. Last, large values without a reference
//! are removed from the tables of their days. An erasure that was interrupted can be repeated and
//! continues: the days of its large values stay marked in the database until the values are
//! removed.

mod rewrite_blocks;
mod selected_blocks;
mod step;

use std::collections::HashSet;
use std::sync::Arc;

use sqlx::PgConnection;
use uuid::Uuid;

use self::rewrite_blocks::{Rewritten, rewrite_blocks};
use self::selected_blocks::{ErasureSelection, all_blocks, selected_blocks};
use crate::block::SpanRecord;
use crate::compaction::exclusive;
use crate::retention::{self, Damaged, Freed};
use crate::{Gauge, StoreError};

pub use self::rewrite_blocks::BlockProgress;

/// The result of an erasure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ErasureReport {
    /// The number of traces that had a row in `traces`, which was removed.
    pub traces: u64,
    /// The number of blocks that held spans of the traces; in a dry run the blocks that would be
    /// rewritten.
    pub blocks: u64,
    /// The number of spans that were removed from blocks; 0 in a dry run.
    pub spans: u64,
    /// The number of blocks that cannot be read and stay unchanged. They may hold spans of the
    /// traces.
    pub damaged_blocks: u64,
    /// The number of days whose large values stay because their table is in use.
    pub postponed_days: u64,
    /// The number of days whose large values stay because a span, an event or a value cannot be
    /// read.
    pub damaged_days: u64,
    /// The number of days whose large values stay because more than 500,000 references to them are
    /// left.
    pub oversized_days: u64,
}

/// Counts the data that an erasure of the traces would erase.
pub(crate) async fn dry_run(
    connection: &mut PgConnection,
    tenant: Uuid,
    trace_ids: &[Uuid],
) -> Result<ErasureReport, sqlx::Error> {
    let selection = ErasureSelection::new(tenant, trace_ids, i64::MAX);
    let mut report = ErasureReport {
        traces: listed(connection, tenant, trace_ids).await?,
        ..ErasureReport::default()
    };
    for locations in selected_blocks::chunks(&all_blocks(connection, &selection).await?) {
        let selected = selected_blocks(connection, &selection, locations).await?;
        report.blocks += selected.locations.len() as u64;
        report.damaged_blocks += selected.damaged_blocks;
    }
    Ok(report)
}

/// Erases the traces.
///
/// # Errors
/// [`StoreError::Database`], [`StoreError::DiskReserve`], [`StoreError::Busy`]; completed steps
/// stay done.
pub(crate) async fn erase(
    connection: &mut PgConnection,
    tenant: Uuid,
    trace_ids: &[Uuid],
    gauge: &Gauge,
    damaged: &mut Damaged,
    progress: impl FnMut(BlockProgress),
) -> Result<ErasureReport, StoreError> {
    step::begin(connection, gauge, step::FIRST_TIMEOUT).await?;
    let removed = remove_traces(connection, tenant, trace_ids, damaged).await;
    let ended = step::end(connection).await;
    let removed = removed?;
    ended?;
    // Spans of the traces that arrive from now on are new, and stay.
    let selection = ErasureSelection::new(tenant, trace_ids, removed.before_id);
    let Rewritten {
        block_count,
        removed_spans,
        damaged_blocks,
    } = rewrite_blocks(connection, &selection, gauge, without(trace_ids), progress).await?;
    let mut report = ErasureReport {
        traces: removed.trace_count,
        blocks: block_count,
        spans: removed_spans,
        damaged_blocks,
        ..ErasureReport::default()
    };
    free_payloads(connection, gauge, damaged, &mut report).await?;
    Ok(report)
}

/// Returns the map that removes the spans of the traces.
fn without(trace_ids: &[Uuid]) -> rewrite_blocks::Map {
    let erased: HashSet<[u8; 16]> = trace_ids.iter().map(|id| id.into_bytes()).collect();
    Arc::new(
        move |span: &SpanRecord<'_>, keep: &mut dyn FnMut(&SpanRecord<'_>)| {
            if !erased.contains(&span.trace_id) {
                keep(span);
            }
        },
    )
}

/// Removes the rows of the traces, under the lock that excludes compaction: compaction reads which
/// traces exist and must not write spans of a removed trace.
async fn remove_traces(
    connection: &mut PgConnection,
    tenant: Uuid,
    trace_ids: &[Uuid],
    damaged: &mut Damaged,
) -> Result<retention::RemovedTraces, sqlx::Error> {
    // Events of the traces may be in a table that a run of retention took out before it broke off.
    retention::finish_leftovers(connection, damaged).await?;
    // Before the rows, so that an erasure that breaks off can be repeated.
    retention::remove_events_of(connection, tenant, trace_ids).await?;
    exclusive::acquire(connection).await?;
    let removed = retention::remove_traces(connection, tenant, trace_ids).await;
    let released = exclusive::release(connection).await;
    let removed = removed?;
    released?;
    Ok(removed)
}

/// Frees the large values of all marked days, including the days of an interrupted erasure.
async fn free_payloads(
    connection: &mut PgConnection,
    gauge: &Gauge,
    damaged: &mut Damaged,
    report: &mut ErasureReport,
) -> Result<(), StoreError> {
    for day in retention::marked_days(connection).await? {
        step::begin(connection, gauge, step::TIMEOUT).await?;
        let freed = retention::free_payloads(connection, &day, damaged).await;
        let ended = step::end(connection).await;
        match freed? {
            Freed::Done => {}
            Freed::InUse => report.postponed_days += 1,
            Freed::Damaged => report.damaged_days += 1,
            Freed::TooMany => report.oversized_days += 1,
        }
        ended?;
    }
    Ok(())
}

async fn listed(
    connection: &mut PgConnection,
    tenant: Uuid,
    trace_ids: &[Uuid],
) -> Result<u64, sqlx::Error> {
    let count: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM traces WHERE tenant_id = $1 AND trace_id = ANY ($2)",
    )
    .bind(tenant)
    .bind(trace_ids)
    .fetch_one(connection)
    .await?;
    Ok(count.unsigned_abs())
}
