//! Keeps the database within its size: the oldest day goes, whatever the rules say, and with it
//! the traces that ended and were received before its end. Pinned traces stay.

use sqlx::{Connection as _, PgConnection};
use throughline_model::{PartitionChange, PartitionStep, RetentionReport};
use throughline_wire::UnixNanos;
use uuid::Uuid;

use super::counts;
use super::damaged::Damaged;
use super::days::{kept_bytes, take_step};
use super::kept::Keep;
use super::partition::Partition;
use super::removal::RemovalOutcome;
use super::{Cutoffs, catalogue, swap, traces};
use crate::sqlstate::{Fault, fault};

/// Frees the oldest past day that can be freed; none when there is no such day. `free_bytes` is
/// what copies of pinned rows may take; a day whose pinned rows need more is passed over.
///
/// The directory is not touched here: deleting rows needs space, dropping tables makes it. Where
/// the day ended is noted first, so that its traces go in the next run, come what may.
pub(crate) async fn prune_oldest_day(
    connection: &mut PgConnection,
    now: UnixNanos,
    free_bytes: u64,
    damaged: &mut Damaged,
) -> Result<Option<Vec<PartitionChange>>, sqlx::Error> {
    swap::finish_leftovers(connection, damaged).await?;
    let partitions = catalogue::list(connection).await?;
    let past = partitions
        .chunk_by(|a, b| a.to_ns == b.to_ns)
        .filter(|day| day[0].to_ns <= now.get());
    for day in past {
        let changes = prune(connection, day, free_bytes, damaged).await?;
        if !changes.is_empty() {
            return Ok(Some(changes));
        }
    }
    Ok(None)
}

async fn prune(
    connection: &mut PgConnection,
    day: &[Partition],
    free_bytes: u64,
    damaged: &mut Damaged,
) -> Result<Vec<PartitionChange>, sqlx::Error> {
    let mut changes = Vec::new();
    for partition in day {
        let counts = counts::counts(connection, partition, Keep::Pinned, damaged).await?;
        // Neither the empty archive nor a day of pinned traces alone gives anything back.
        let gives_nothing =
            counts.kept == counts.total && (counts.total > 0 || partition.from_ns.is_none());
        let kept_bytes = kept_bytes(partition, counts);
        if gives_nothing || kept_bytes > free_bytes {
            continue;
        }
        note_pruned(connection, partition.to_ns).await?;
        let step = if counts.kept == 0 {
            PartitionStep::Drop
        } else {
            PartitionStep::Rewrite
        };
        let keep = Keep::Pinned;
        let outcome = take_step(connection, partition, step, counts, keep, damaged).await?;
        if outcome == RemovalOutcome::Done {
            swap::move_back(connection, partition, keep, damaged).await?;
            tracing::warn!(
                table = partition.table,
                "freed a partition early to stay within the storage budget"
            );
            changes.push(PartitionChange {
                table: partition.table.clone(),
                step,
                freed_bytes: partition.bytes.saturating_sub(kept_bytes),
            });
        }
    }
    Ok(changes)
}

/// Notes which traces lost what they had before an instant, in batches.
async fn mark_pruned(
    connection: &mut PgConnection,
    tenant: Uuid,
    before_ns: i64,
) -> Result<(), sqlx::Error> {
    let mut after = Uuid::nil();
    let mut attempt = 1;
    loop {
        match mark_batch(connection, tenant, before_ns, after).await {
            Ok(Some(last)) => {
                after = last;
                attempt = 1;
            }
            Ok(None) => return Ok(()),
            Err(error) if attempt < traces::ATTEMPTS && fault(&error) == Fault::Conflict => {
                attempt += 1;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Notes it of the traces after `after`; returns the last one, none when there are no more.
async fn mark_batch(
    connection: &mut PgConnection,
    tenant: Uuid,
    before_ns: i64,
    after: Uuid,
) -> Result<Option<Uuid>, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let trace_ids: Vec<Uuid> = sqlx::query_scalar(include_str!("lock_pruned.sql"))
        .bind(tenant)
        .bind(before_ns)
        .bind(after)
        .bind(traces::BATCH)
        .fetch_all(&mut *transaction)
        .await?;
    sqlx::query(
        "UPDATE traces SET pruned_before_ns = $2 WHERE tenant_id = $1 AND trace_id = ANY ($3)",
    )
    .bind(tenant)
    .bind(before_ns)
    .bind(&trace_ids)
    .execute(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(trace_ids.last().copied())
}

async fn note_pruned(connection: &mut PgConnection, before_ns: i64) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE retention_state SET pruned_before_ns = greatest(pruned_before_ns, $1)")
        .bind(before_ns)
        .execute(connection)
        .await?;
    Ok(())
}

/// Removes the traces whose days were pruned from the directory, and notes of those that went on
/// afterwards what they lost.
pub(super) async fn remove_pruned_traces(
    connection: &mut PgConnection,
    report: &mut RetentionReport,
) -> Result<(), sqlx::Error> {
    let before_ns: i64 = sqlx::query_scalar("SELECT pruned_before_ns FROM retention_state")
        .fetch_one(&mut *connection)
        .await?;
    if before_ns == i64::MIN {
        return Ok(());
    }
    let cutoffs = Cutoffs {
        ok_ns: before_ns,
        error_ns: before_ns,
        rollup_ns: i64::MIN,
    };
    let mut removed = RetentionReport::default();
    for tenant in traces::tenants(connection).await? {
        traces::remove(connection, tenant, cutoffs, &mut removed).await?;
        mark_pruned(connection, tenant, before_ns).await?;
    }
    report.budget.trace_count += removed.ok.trace_count + removed.error.trace_count;
    report.budget.span_count += removed.ok.span_count + removed.error.span_count;
    // Spans of those days that come from now on are kept by rule again.
    sqlx::query("UPDATE retention_state SET pruned_before_ns = $2 WHERE pruned_before_ns = $1")
        .bind(before_ns)
        .bind(i64::MIN)
        .execute(connection)
        .await?;
    Ok(())
}
