//! Erases what is stored of some traces, whatever the rules of retention say.
//!
//! The traces leave the directory first, with their events and pins: from then on nobody finds them.
//! Then their spans are taken out of the blocks, and large values that nothing refers to any more
//! leave the tables of their days. A run that breaks off is done again and goes on.

mod rewrite_blocks;

use std::collections::BTreeSet;
use std::sync::Arc;

use sqlx::PgConnection;
use uuid::Uuid;

use self::rewrite_blocks::{Selection, rewrite_blocks, selected_blocks};
use crate::block::SpanRecord;
use crate::compaction::exclusive;
use crate::retention::{self, Damaged};

pub use self::rewrite_blocks::BlockProgress;

/// The result of an erasure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ErasureReport {
    /// Traces that had a row in the directory, and lost it.
    pub traces: u64,
    /// Blocks that hold spans of the traces; in a dry run those that would be rewritten.
    pub blocks: u64,
    /// Spans that were taken out of blocks; 0 in a dry run.
    pub spans: u64,
    /// Blocks that cannot be read and stay as they are, with what they hold of the traces.
    pub damaged_blocks: u64,
    /// Days whose large values are in use and stay until retention frees them.
    pub postponed_days: u64,
}

/// Erases the traces, or counts what would be erased. The caller holds the lock against retention.
pub(crate) async fn erase(
    connection: &mut PgConnection,
    tenant: Uuid,
    trace_ids: &[Uuid],
    is_dry_run: bool,
    damaged: &mut Damaged,
    progress: impl FnMut(BlockProgress),
) -> Result<ErasureReport, sqlx::Error> {
    let mut selection = Selection {
        tenant,
        trace_ids,
        before_id: i64::MAX,
    };
    if is_dry_run {
        return Ok(ErasureReport {
            traces: listed(connection, tenant, trace_ids).await?,
            blocks: selected_blocks(connection, &selection).await?.len() as u64,
            ..ErasureReport::default()
        });
    }
    // Compaction knows which traces there are: it must not write spans of a removed one anew.
    exclusive::acquire(connection).await?;
    let removed = retention::remove_traces(connection, tenant, trace_ids).await;
    let released = exclusive::release(connection).await;
    let removed = removed?;
    released?;
    // What is sent of the traces from now on is new, and stays.
    selection.before_id = removed.before_id;
    let erased: BTreeSet<[u8; 16]> = trace_ids.iter().map(|id| id.into_bytes()).collect();
    let map = Arc::new(
        move |span: &SpanRecord<'_>, keep: &mut dyn FnMut(&SpanRecord<'_>)| {
            if !erased.contains(&span.trace_id) {
                keep(span);
            }
        },
    );
    let rewritten = rewrite_blocks(connection, &selection, map, progress).await?;
    let mut days = removed.payload_days;
    days.extend(rewritten.payload_days);
    let postponed_days = retention::free_payloads(connection, &days, damaged).await?;
    Ok(ErasureReport {
        traces: removed.trace_count,
        blocks: rewritten.block_count,
        spans: rewritten.removed_spans,
        damaged_blocks: rewritten.damaged_blocks,
        postponed_days,
    })
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
