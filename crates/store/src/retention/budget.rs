//! Keeps the database within its size: the oldest day goes, whatever the rules say, and with it
//! the traces that ended and were received before its end. Pinned traces stay.

use sqlx::PgConnection;
use throughline_model::{PartitionChange, PartitionStep, RetentionReport};
use throughline_wire::UnixNanos;
use uuid::Uuid;

use super::counts::{self, Keep};
use super::partition::Partition;
use super::removal::{self, Outcome};
use super::{Cutoffs, catalogue, rewrite, traces};

/// Frees the oldest past day that can be freed; none when there is no such day. `room_bytes` is
/// what copies of pinned rows may take; a day whose pinned rows need more is passed over.
///
/// The directory is not touched here: deleting rows needs room, dropping tables makes it. Where
/// the day ended is noted first, so that its traces go in the next run, come what may.
pub(crate) async fn prune_oldest_day(
    connection: &mut PgConnection,
    now: UnixNanos,
    room_bytes: u64,
) -> Result<Option<Vec<PartitionChange>>, sqlx::Error> {
    catalogue::drop_leftovers(connection).await?;
    let partitions = catalogue::list(connection).await?;
    let past = partitions
        .chunk_by(|a, b| a.to_ns == b.to_ns)
        .filter(|day| day[0].to_ns <= now.get());
    for day in past {
        let changes = prune(connection, day, room_bytes).await?;
        if !changes.is_empty() {
            return Ok(Some(changes));
        }
    }
    Ok(None)
}

async fn prune(
    connection: &mut PgConnection,
    day: &[Partition],
    room_bytes: u64,
) -> Result<Vec<PartitionChange>, sqlx::Error> {
    let mut changes = Vec::new();
    for partition in day {
        let counts = counts::counts(connection, partition, Keep::Pinned).await?;
        // Neither the empty archive nor a day of pinned traces alone gives anything back.
        let gives_nothing =
            counts.kept == counts.total && (counts.total > 0 || partition.from_ns.is_none());
        let share = counts.kept as f64 / counts.total.max(1) as f64;
        let kept_bytes = (partition.bytes as f64 * share) as u64;
        if gives_nothing || kept_bytes > room_bytes {
            continue;
        }
        note_pruned(connection, partition.to_ns).await?;
        let (step, outcome) = if counts.kept == 0 {
            let outcome = removal::drop_it(connection, partition, counts, Keep::Pinned).await?;
            (PartitionStep::Drop, outcome)
        } else {
            let outcome = rewrite::rewrite(connection, partition, Keep::Pinned).await?;
            (PartitionStep::Rewrite, outcome)
        };
        if outcome == Outcome::Done {
            tracing::warn!(
                table = partition.table,
                "freed a partition before its time to stay within the storage budget"
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

/// Notes which traces lost what they had before an instant. Pinned traces lost nothing, nor did those
/// that came later.
async fn mark_pruned(
    connection: &mut PgConnection,
    tenant: Uuid,
    before_ns: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE traces AS t SET pruned_before_ns = $2
         WHERE t.tenant_id = $1 AND t.received_ns < $2
             AND NOT EXISTS (
                 SELECT FROM pins WHERE pins.tenant_id = $1 AND pins.trace_id = t.trace_id
             )",
    )
    .bind(tenant)
    .bind(before_ns)
    .execute(connection)
    .await?;
    Ok(())
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
