//! Works off the days whose partitions hold what is gone.

use std::collections::BTreeMap;

use sqlx::PgConnection;
use throughline_model::{PartitionChange, PartitionStep, RetentionReport};
use throughline_wire::UnixNanos;

use super::partition::{self, Keep, Outcome, Partition};
use super::{Cutoffs, Rewrite, Run, catalogue, rewrite};

/// A step is done again so often when others are in its way.
const ATTEMPTS: usize = 3;

/// What is remembered of days that were worked on; true is due.
async fn remembered(connection: &mut PgConnection) -> Result<BTreeMap<i64, bool>, sqlx::Error> {
    let days: Vec<(i64, bool)> = sqlx::query_as("SELECT day_ns, is_due FROM retention_days")
        .fetch_all(connection)
        .await?;
    Ok(days.into_iter().collect())
}

/// Drops or rewrites the partitions of every day that needs it and is past.
pub(super) async fn work_off(
    connection: &mut PgConnection,
    run: &Run,
    cutoffs: Cutoffs,
    report: &mut RetentionReport,
) -> Result<(), sqlx::Error> {
    let remembered = remembered(connection).await?;
    let partitions = catalogue::list(connection).await?;
    for day in partitions.chunk_by(|a, b| a.to_ns == b.to_ns) {
        let (day_ns, to_ns) = (day[0].day_ns(), day[0].to_ns);
        // Of a day that was never worked on there may be events without a trace.
        let is_due = remembered.get(&day_ns).copied().unwrap_or(true);
        let is_past_all = to_ns <= cutoffs.ok_ns.min(cutoffs.error_ns);
        let is_past = to_ns <= cutoffs.ok_ns || (run.rewrite == Rewrite::Now && is_due);
        // Rows of today arrive faster than they could be copied.
        let is_today = to_ns > run.now.get();
        if is_today || !is_past || !(is_due || is_past_all) {
            continue;
        }
        let may_rewrite = is_due && (run.rewrite == Rewrite::Now || is_settled(to_ns, cutoffs));
        match work_off_day(connection, day, cutoffs, may_rewrite, report).await {
            Ok(true) => settle(connection, day_ns).await?,
            Ok(false) => {}
            Err(error) if partition::is_in_the_way(&error) => {
                tracing::info!(day_ns, %error, "a day is in use; the next run frees it");
                report.postponed_days += 1;
            }
            Err(error) => return Err(error),
        }
    }
    forget_gone_days(connection).await
}

/// Whether no trace of the day is about to go: both rules were through with it, or the longer one
/// is far away. A day more, for traces that ended after midnight.
const fn is_settled(to_ns: i64, cutoffs: Cutoffs) -> bool {
    let end_ns = to_ns.saturating_add(UnixNanos::PER_DAY);
    let start_ns = to_ns.saturating_sub(UnixNanos::PER_DAY);
    end_ns <= cutoffs.ok_ns && (end_ns <= cutoffs.error_ns || start_ns >= cutoffs.error_ns)
}

/// Whether nothing is left to do for the day.
async fn work_off_day(
    connection: &mut PgConnection,
    day: &[Partition],
    cutoffs: Cutoffs,
    may_rewrite: bool,
    report: &mut RetentionReport,
) -> Result<bool, sqlx::Error> {
    let mut is_done = true;
    for partition in day {
        is_done &= work_off_partition(connection, partition, cutoffs, may_rewrite, report).await?;
    }
    Ok(is_done)
}

async fn work_off_partition(
    connection: &mut PgConnection,
    partition: &Partition,
    cutoffs: Cutoffs,
    may_rewrite: bool,
    report: &mut RetentionReport,
) -> Result<bool, sqlx::Error> {
    let mut attempt = 1;
    loop {
        let keep = Keep::Directory {
            before_ns: cutoffs.ok_ns,
        };
        let counts = partition::counts(connection, partition, keep).await?;
        let step = if counts.kept == 0 {
            PartitionStep::Drop
        } else if counts.kept == counts.total {
            return Ok(counts.waiting == 0);
        } else if may_rewrite {
            PartitionStep::Rewrite
        } else {
            return Ok(false);
        };
        if partition.from_ns.is_none() && counts.total == 0 {
            return Ok(true);
        }
        let result = match step {
            PartitionStep::Drop => partition::drop_it(connection, partition, counts, keep).await,
            PartitionStep::Rewrite => rewrite::rewrite(connection, partition, keep).await,
        };
        match result {
            Ok(Outcome::Done) => {
                let share =
                    counts.total.saturating_sub(counts.kept) as f64 / counts.total.max(1) as f64;
                let freed_bytes = match step {
                    PartitionStep::Drop => partition.bytes,
                    PartitionStep::Rewrite => (partition.bytes as f64 * share) as u64,
                };
                let table = partition.table.clone();
                tracing::info!(table, ?step, freed_bytes, "retention freed a partition");
                report.partitions.push(PartitionChange {
                    table,
                    step,
                    freed_bytes,
                });
                return Ok(counts.waiting == 0);
            }
            Ok(Outcome::Changed) if attempt < ATTEMPTS => {}
            Ok(Outcome::Changed) => return Ok(false),
            Err(error) if attempt < ATTEMPTS && partition::is_in_the_way(&error) => {}
            Err(error) => return Err(error),
        }
        attempt += 1;
    }
}

async fn settle(connection: &mut PgConnection, day_ns: i64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO retention_days (day_ns, is_due) VALUES ($1, false)
         ON CONFLICT (day_ns) DO UPDATE SET is_due = false",
    )
    .bind(day_ns)
    .execute(connection)
    .await?;
    Ok(())
}

/// Days without a partition need not be remembered: should rows of them come again, they are new.
async fn forget_gone_days(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let days: Vec<i64> = catalogue::list(connection)
        .await?
        .iter()
        .map(Partition::day_ns)
        .collect();
    sqlx::query("DELETE FROM retention_days WHERE NOT is_due AND day_ns <> ALL ($1)")
        .bind(days)
        .execute(connection)
        .await?;
    Ok(())
}
