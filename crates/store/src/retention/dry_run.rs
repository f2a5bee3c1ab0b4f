//! Computes what a run of retention would remove, without a change.

use sqlx::{FromRow, PgConnection};
use throughline_model::{PartitionChange, PartitionStep, Removed, RetentionReport};
use throughline_wire::UnixNanos;

use super::Rewrite;
use super::partition::{Parent, Partition};
use super::{Cutoffs, Run, catalogue, traces};

#[derive(FromRow)]
struct Counted {
    is_bad: bool,
    trace_count: i64,
    span_count: i64,
}

/// Spans of traces that touch a day, by the directory.
#[derive(FromRow)]
struct DayShare {
    gone: i64,
    kept: i64,
}

/// Counts by the rules of [`run`](super::run). Partitions are judged by the directory alone:
/// those of days that lose all their traces are named as dropped, those that lose some as
/// rewritten, with their share of bytes as an estimate.
pub(crate) async fn dry_run(
    connection: &mut PgConnection,
    run: Run<'_>,
) -> Result<RetentionReport, sqlx::Error> {
    let cutoffs = run.cutoffs();
    let mut report = RetentionReport {
        is_dry_run: true,
        ..RetentionReport::default()
    };
    let tenants = match run.tenant {
        Some(tenant) => vec![tenant],
        None => traces::tenants(connection).await?,
    };
    for tenant in &tenants {
        let counted: Vec<Counted> = sqlx::query_as(include_str!("count_expired.sql"))
            .bind(tenant)
            .bind(cutoffs.ok_ns)
            .bind(cutoffs.error_ns)
            .fetch_all(&mut *connection)
            .await?;
        for row in counted {
            let removed = if row.is_bad {
                &mut report.error
            } else {
                &mut report.ok
            };
            add(removed, &row);
        }
    }
    if run.tenant.is_none() {
        report.rollup_count = rollups(connection, cutoffs).await?;
    }
    let shares = block_shares(connection, &tenants, cutoffs).await?;
    for partition in catalogue::list(connection).await? {
        let change = match partition.parent {
            Parent::Payloads => None,
            Parent::LevelOne => block_change(&run, cutoffs, &partition, &shares),
            Parent::Events if partition.to_ns > run.now.get() => None,
            Parent::Events => change(connection, &run, &tenants, cutoffs, &partition).await?,
        };
        report.partitions.extend(change);
    }
    Ok(report)
}

/// Spans of the traces that were received on a day, by what the traces are now. Their blocks may
/// lie in the partition of the other class.
#[derive(FromRow)]
struct BlockShare {
    day: i64,
    is_bad: bool,
    gone: i64,
    kept: i64,
}

async fn block_shares(
    connection: &mut PgConnection,
    tenants: &[uuid::Uuid],
    cutoffs: Cutoffs,
) -> Result<Vec<BlockShare>, sqlx::Error> {
    sqlx::query_as(include_str!("share_of_blocks.sql"))
        .bind(tenants)
        .bind(cutoffs.ok_ns)
        .bind(cutoffs.error_ns)
        .fetch_all(connection)
        .await
}

fn block_change(
    run: &Run<'_>,
    cutoffs: Cutoffs,
    partition: &Partition,
    shares: &[BlockShare],
) -> Option<PartitionChange> {
    let end_ns = partition.to_ns.saturating_add(UnixNanos::PER_DAY);
    let is_past = end_ns <= cutoffs.of_class(partition.class);
    if !is_past && run.rewrite == Rewrite::Settled {
        return None;
    }
    let share = shares.iter().find(|share| {
        share.day == i64::from(partition.received_day()) && share.is_bad == (partition.class != 0)
    });
    let (gone, kept) = share.map_or((0, 0), |share| (share.gone, share.kept));
    if gone == 0 && (kept > 0 || run.tenant.is_some()) {
        return None;
    }
    Some(change_of(partition, gone, kept))
}

fn change_of(partition: &Partition, gone: i64, kept: i64) -> PartitionChange {
    let (step, freed) = if kept == 0 {
        (PartitionStep::Drop, 1.0)
    } else {
        let share = gone as f64 / gone.saturating_add(kept).max(1) as f64;
        (PartitionStep::Rewrite, share)
    };
    PartitionChange {
        table: partition.table.clone(),
        step,
        freed_bytes: (partition.bytes as f64 * freed) as u64,
    }
}

fn add(removed: &mut Removed, counted: &Counted) {
    removed.trace_count += counted.trace_count.unsigned_abs();
    removed.span_count += counted.span_count.unsigned_abs();
}

async fn rollups(connection: &mut PgConnection, cutoffs: Cutoffs) -> Result<u64, sqlx::Error> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM rollups WHERE start_ns < $1")
        .bind(cutoffs.rollup_ns)
        .fetch_one(&mut *connection)
        .await?;
    Ok(count.unsigned_abs())
}

async fn change(
    connection: &mut PgConnection,
    run: &Run<'_>,
    tenants: &[uuid::Uuid],
    cutoffs: Cutoffs,
    partition: &Partition,
) -> Result<Option<PartitionChange>, sqlx::Error> {
    let share: DayShare = sqlx::query_as(include_str!("share_of_day.sql"))
        .bind(tenants)
        .bind(cutoffs.ok_ns)
        .bind(cutoffs.error_ns)
        .bind(partition.from_ns.unwrap_or(i64::MIN))
        .bind(partition.to_ns)
        .fetch_one(&mut *connection)
        .await?;
    let is_whole = share.kept == 0
        && run.tenant.is_none()
        && partition.to_ns <= cutoffs.ok_ns
        && !(partition.parent == Parent::Events
            && has_late_events(connection, cutoffs, partition).await?);
    if is_whole {
        if share.gone == 0 && partition.from_ns.is_none() {
            return Ok(None);
        }
        return Ok(Some(change_of(partition, share.gone, 0)));
    }
    if share.gone == 0 {
        return Ok(None);
    }
    // Whatever is not of a trace may stay.
    Ok(Some(change_of(partition, share.gone, share.kept.max(1))))
}

/// Whether events of the day came so late that they are kept without a trace.
async fn has_late_events(
    connection: &mut PgConnection,
    cutoffs: Cutoffs,
    partition: &Partition,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT EXISTS (
             SELECT FROM events WHERE at_ns >= $1 AND at_ns < $2 AND received_ns >= $3
         )",
    )
    .bind(partition.from_ns.unwrap_or(i64::MIN))
    .bind(partition.to_ns)
    .bind(cutoffs.ok_ns)
    .fetch_one(connection)
    .await
}
