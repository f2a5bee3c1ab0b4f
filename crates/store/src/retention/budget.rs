//! Keeps the database within its size budget: removes the oldest data before its time, in the order
//! of [`plan`](super::plan). Pinned traces stay.

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use throughline_model::{
    PartitionChange, PartitionStep, RetentionReport, RetentionRules, StorageGauge,
};
use throughline_wire::UnixNanos;
use uuid::Uuid;

use super::clock_check::earliest;
use super::counts;
use super::damaged::Damaged;
use super::days::{kept_bytes, take_step};
use super::kept::Keep;
use super::partition::Partition;
use super::plan::{PruneStep, next_step};
use super::removal::{RemovalOutcome, is_in_the_way};
use super::space::space;
use super::{Cutoffs, catalogue, rollups, swap, traces};
use crate::day::day_ns;
use crate::sqlstate::{Fault, fault};

/// A partition is freed early if at least one tenth of it is removed.
const WORTH_FREEING: i64 = 10;

/// The parameters of a step that keeps the database within its size budget.
#[derive(Debug, Clone, Copy)]
pub struct Prune {
    /// The current time, by the clock of this server.
    pub now: UnixNanos,
    /// The size budget in bytes.
    pub budget_bytes: u64,
    /// The bytes that copies of pinned traces may use.
    pub free_bytes: u64,
    /// The retention time of each kind of data.
    pub rules: RetentionRules,
}

/// Takes steps to keep the database within its size budget.
#[derive(Debug, Default)]
pub(crate) struct Pruner {
    /// The steps that freed nothing today. They are not taken again today.
    useless: Vec<PruneStep>,
    today_ns: i64,
}

impl Pruner {
    /// Takes the next step, if one is needed and helps; returns it.
    pub(crate) async fn step(
        &mut self,
        connection: &mut PgConnection,
        prune: &Prune,
        damaged: &mut Damaged,
    ) -> Result<Option<PruneStep>, sqlx::Error> {
        let now = earliest(connection, prune.now).await?;
        let today_ns = day_ns(now.get());
        if self.today_ns != today_ns {
            // Yesterday is a past day now.
            self.useless.clear();
            self.today_ns = today_ns;
        }
        let before = space(connection, now, &prune.rules).await?;
        let gauge = StorageGauge {
            used_bytes: before.used_bytes,
            reusable_bytes: before.used.reusable_bytes,
            budget_bytes: Some(prune.budget_bytes),
            ..StorageGauge::default()
        };
        let Some(step) = next_step(&gauge, &before.prunable, &self.useless) else {
            return Ok(None);
        };
        let has_helped = match step {
            PruneStep::Vacuum => {
                let tables = before.dead_tables.join(", ");
                sqlx::query(AssertSqlSafe(format!("VACUUM {tables}")))
                    .execute(&mut *connection)
                    .await?;
                let after = space(connection, now, &prune.rules).await?;
                after.prunable.dead_bytes < before.prunable.dead_bytes / 2
            }
            PruneStep::Rollups(window) => {
                rollups::remove_old(connection, window, &prune.rules).await? > 0
            }
            PruneStep::OldestDay => {
                let free_bytes = prune.free_bytes;
                let changes = prune_oldest_day(connection, now, free_bytes, damaged).await?;
                changes
                    .iter()
                    .flatten()
                    .any(|change| change.freed_bytes > 0)
            }
        };
        if !has_helped {
            self.useless.push(step);
        }
        tracing::warn!(
            ?step,
            has_helped,
            "made space to stay within the storage budget"
        );
        Ok(Some(step))
    }
}

/// Frees the oldest past day that can be freed; none when there is no such day. `free_bytes` is
/// what copies of pinned rows may take; a day whose pinned rows need more is passed over.
///
/// The rows of traces stay: deleting rows needs space, dropping tables makes it. The end of the day is
/// noted first. So the next run removes its traces, even if this run is interrupted.
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
        // Neither the empty archive nor a day of almost only pinned traces gives anything back.
        let gone = counts.total - counts.kept;
        let gives_nothing = gone.saturating_mul(WORTH_FREEING) < counts.total
            || (counts.total == 0 && partition.from_ns.is_none());
        let kept_bytes = kept_bytes(partition, counts);
        if gives_nothing || kept_bytes > free_bytes {
            continue;
        }
        let noted_ns = note_pruned(connection, partition.to_ns).await?;
        let step = if counts.kept == 0 {
            PartitionStep::Drop
        } else {
            PartitionStep::Rewrite
        };
        let keep = Keep::Pinned;
        let outcome = match take_step(connection, partition, step, counts, keep, damaged).await {
            Err(error) if is_in_the_way(&error) => RemovalOutcome::Changed,
            // After another error the table may be detached already, so the note stays.
            outcome => outcome?,
        };
        if outcome == RemovalOutcome::Changed {
            // Nothing was removed. Another run tries it again.
            restore_note(connection, noted_ns).await?;
            continue;
        }
        swap::move_back(connection, partition, keep, damaged).await?;
        tracing::warn!(
            table = partition.table,
            "freed a partition early to stay within the storage budget"
        );
        let left_bytes = catalogue::bytes(connection, &partition.table).await?;
        changes.push(PartitionChange {
            table: partition.table.clone(),
            step,
            freed_bytes: partition.bytes.saturating_sub(left_bytes),
        });
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

/// Notes that the days before an instant are pruned; returns the instant that was noted before.
async fn note_pruned(connection: &mut PgConnection, before_ns: i64) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(
        "UPDATE retention_state AS new
         SET pruned_before_ns = greatest(new.pruned_before_ns, $1)
         FROM (SELECT pruned_before_ns FROM retention_state) AS old
         RETURNING old.pruned_before_ns",
    )
    .bind(before_ns)
    .fetch_one(connection)
    .await
}

/// Takes the last note back.
async fn restore_note(connection: &mut PgConnection, before_ns: i64) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE retention_state SET pruned_before_ns = $1")
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
