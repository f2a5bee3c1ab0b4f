//! Works off the partitions that hold what is gone.

use std::collections::BTreeMap;

use sqlx::PgConnection;
use throughline_model::{PartitionChange, PartitionStep, RetentionReport};
use throughline_wire::UnixNanos;

use super::counts;
use super::damaged::Damaged;
use super::kept::{Keep, RowCounts, Unknown};
use super::partition::{Parent, Partition};
use super::removal::{self, RemovalOutcome};
use super::{Cutoffs, Rewrite, Run, catalogue, in_place, payload_days, rewrite, swap};
use crate::sqlstate::is_damage;

/// A step is done again so often when others are in its way.
const ATTEMPTS: usize = 3;
/// A partition of blocks is rewritten again when one of so many of its traces is gone.
const WORTH_A_REWRITE: i64 = 4;

/// The state of a partition after a run worked on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Worked {
    /// Nothing is left to do.
    Done,
    /// A later run has something to do.
    Left,
    /// Nothing can be done: which values are kept is not known.
    Unknown(Unknown),
}

impl Worked {
    const fn new(is_done: bool) -> Self {
        if is_done { Self::Done } else { Self::Left }
    }
}

/// What is remembered of days that were worked on; true is due.
async fn remembered(connection: &mut PgConnection) -> Result<BTreeMap<i64, bool>, sqlx::Error> {
    let days: Vec<(i64, bool)> = sqlx::query_as("SELECT day_ns, is_due FROM retention_days")
        .fetch_all(connection)
        .await?;
    Ok(days.into_iter().collect())
}

/// The rule by which a partition is rewritten that holds both kept rows and others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum MayRewrite {
    No,
    /// It is rewritten when a good part of it goes. The copy may take so many bytes.
    WhenWorthIt(u64),
    /// It is rewritten. The copy may take so many bytes.
    Yes(u64),
}

impl MayRewrite {
    const fn copy_bytes(self) -> u64 {
        match self {
            Self::No => 0,
            Self::WhenWorthIt(bytes) | Self::Yes(bytes) => bytes,
        }
    }
}

/// Drops or rewrites the partitions of every day that needs it and is past.
pub(super) async fn work_off(
    connection: &mut PgConnection,
    run: &Run<'_>,
    cutoffs: Cutoffs,
    damaged: &mut Damaged,
    report: &mut RetentionReport,
) -> Result<(), sqlx::Error> {
    let remembered = remembered(connection).await?;
    let partitions = catalogue::list(connection).await?;
    for day in partitions.chunk_by(|a, b| a.to_ns == b.to_ns) {
        let (blocks, others): (Vec<_>, Vec<_>) = day
            .iter()
            .cloned()
            .partition(|partition| partition.parent == Parent::LevelOne);
        let (day_ns, to_ns) = (day[0].day_ns(), day[0].to_ns);
        // Of a day that was never worked on there may be events without a trace.
        let is_due = remembered.get(&day_ns).copied().unwrap_or(true);
        let is_past_all = to_ns <= cutoffs.ok_ns.min(cutoffs.error_ns);
        let is_past = to_ns <= cutoffs.ok_ns || (run.rewrite == Rewrite::Now && is_due);
        // Rows of today arrive faster than they could be copied.
        let is_today = to_ns > run.now.get();
        let mut result = work_off_blocks(connection, run, &blocks, cutoffs, damaged, report).await;
        if result.is_ok() && !is_today && is_past && (is_due || is_past_all) {
            let may_rewrite =
                if is_due && (run.rewrite == Rewrite::Now || is_settled(to_ns, cutoffs)) {
                    MayRewrite::Yes((run.gauge)().copy_bytes())
                } else {
                    MayRewrite::No
                };
            result = work_off_day(connection, &others, cutoffs, may_rewrite, damaged, report).await;
        }
        match result {
            Ok(()) => {}
            Err(error) if removal::is_in_the_way(&error) => {
                tracing::info!(day_ns, %error, "a day is in use; the next run will free it");
                report.postponed_days += 1;
            }
            Err(error) if is_damage(&error) => {
                tracing::error!(
                    day_ns,
                    %error,
                    "the database cannot read a table of a day; the day is skipped"
                );
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

/// Works off the partitions of blocks of a day: regularly those that are past by a day more than
/// the time of their class, on demand all.
async fn work_off_blocks(
    connection: &mut PgConnection,
    run: &Run<'_>,
    partitions: &[Partition],
    cutoffs: Cutoffs,
    damaged: &mut Damaged,
    report: &mut RetentionReport,
) -> Result<(), sqlx::Error> {
    for partition in partitions {
        let end_ns = partition.to_ns.saturating_add(UnixNanos::PER_DAY);
        let is_past = end_ns <= cutoffs.of_class(partition.class);
        let is_past_all = end_ns <= cutoffs.ok_ns.min(cutoffs.error_ns);
        let copy_bytes = (run.gauge)().copy_bytes();
        let may_rewrite = match run.rewrite {
            Rewrite::Now => MayRewrite::Yes(copy_bytes),
            Rewrite::Settled if is_past_all => MayRewrite::Yes(copy_bytes),
            // Once for all traces that go by the rule of the class.
            Rewrite::Settled if is_past && !partition.is_rewritten => MayRewrite::Yes(copy_bytes),
            // Traces with a late error are kept longer, and go one after the other.
            Rewrite::Settled if is_past => MayRewrite::WhenWorthIt(copy_bytes),
            Rewrite::Settled => continue,
        };
        if is_past {
            let before = report.partitions.len();
            work_off_partition(connection, partition, cutoffs, may_rewrite, damaged, report)
                .await?;
            let mut changes = report.partitions[before..].iter();
            if changes.any(|change| change.step == PartitionStep::Rewrite) {
                rewrite::note_rewritten(connection, partition).await?;
            }
            continue;
        }
        work_off_young(connection, partition, cutoffs, damaged, report).await?;
    }
    Ok(())
}

/// Works off a partition of blocks that is not past: compaction may be writing to it. A partition in
/// which nothing is kept is dropped. Any other is rewritten a few blocks at a time, so that compaction
/// never waits for long.
async fn work_off_young(
    connection: &mut PgConnection,
    partition: &Partition,
    cutoffs: Cutoffs,
    damaged: &mut Damaged,
    report: &mut RetentionReport,
) -> Result<(), sqlx::Error> {
    let keep = Keep::Directory {
        before_ns: cutoffs.ok_ns,
    };
    let counts = counts::counts(connection, partition, keep, damaged).await?;
    // A few blocks at a time need little space.
    let Some(step) = step(counts, MayRewrite::Yes(u64::MAX)) else {
        return Ok(());
    };
    let is_dropped = step == PartitionStep::Drop
        && removal::drop_it(connection, partition, counts, keep).await? == RemovalOutcome::Done;
    if !is_dropped {
        in_place::rewrite(connection, partition, keep, damaged).await?;
    }
    report.partitions.push(change(partition, step, counts));
    Ok(())
}

/// Works off the other partitions of a day, and remembers when nothing is left to do for it.
async fn work_off_day(
    connection: &mut PgConnection,
    day: &[Partition],
    cutoffs: Cutoffs,
    may_rewrite: MayRewrite,
    damaged: &mut Damaged,
    report: &mut RetentionReport,
) -> Result<(), sqlx::Error> {
    let mut is_done = true;
    for partition in day {
        let worked =
            work_off_partition(connection, partition, cutoffs, may_rewrite, damaged, report);
        is_done &= worked.await? != Worked::Left;
    }
    match day.first() {
        Some(partition) if is_done => settle(connection, partition.day_ns()).await,
        _ => Ok(()),
    }
}

/// Returns the action for a partition; none when nothing is.
fn step(counts: RowCounts, may_rewrite: MayRewrite) -> Option<PartitionStep> {
    let gone = counts.total - counts.kept;
    let is_worth_it = match may_rewrite {
        MayRewrite::No => false,
        MayRewrite::WhenWorthIt(_) => gone.saturating_mul(WORTH_A_REWRITE) >= counts.total,
        MayRewrite::Yes(_) => true,
    };
    match counts.kept {
        0 => Some(PartitionStep::Drop),
        _ if gone > 0 && is_worth_it => Some(PartitionStep::Rewrite),
        _ => None,
    }
}

/// Rewrites or drops a partition in which anything is gone.
pub(super) async fn rewrite_now(
    connection: &mut PgConnection,
    partition: &Partition,
    cutoffs: Cutoffs,
    damaged: &mut Damaged,
    report: &mut RetentionReport,
) -> Result<Worked, sqlx::Error> {
    // An erasure looks at the disk before each step.
    let may_rewrite = MayRewrite::Yes(u64::MAX);
    work_off_partition(connection, partition, cutoffs, may_rewrite, damaged, report).await
}

/// Rewrites or drops a partition where that is called for.
async fn work_off_partition(
    connection: &mut PgConnection,
    partition: &Partition,
    cutoffs: Cutoffs,
    may_rewrite: MayRewrite,
    damaged: &mut Damaged,
    report: &mut RetentionReport,
) -> Result<Worked, sqlx::Error> {
    let keep = Keep::Directory {
        before_ns: cutoffs.ok_ns,
    };
    let mut attempt = 1;
    loop {
        let counts = counts::counts(connection, partition, keep, damaged).await?;
        if partition.from_ns.is_none() && counts.total == 0 {
            return Ok(Worked::Done);
        }
        if let Some(unknown) = counts.unknown {
            return Ok(Worked::Unknown(unknown));
        }
        let Some(step) = step(counts, may_rewrite) else {
            return Ok(Worked::new(
                counts.kept == counts.total && counts.waiting == 0,
            ));
        };
        if step == PartitionStep::Rewrite
            && kept_bytes(partition, counts) > may_rewrite.copy_bytes()
        {
            tracing::warn!(
                table = partition.table,
                "the disk has too little space to copy the kept rows of a partition; a later run \
                 will free it"
            );
            return Ok(Worked::Left);
        }
        match take_step(connection, partition, step, counts, keep, damaged).await {
            Ok(RemovalOutcome::Done) => {
                swap::move_back(connection, partition, keep, damaged).await?;
                report.partitions.push(change(partition, step, counts));
                return Ok(Worked::new(counts.waiting == 0));
            }
            Ok(RemovalOutcome::Changed) if attempt < ATTEMPTS => {}
            Ok(RemovalOutcome::Changed) => return Ok(Worked::Left),
            Err(error) if attempt < ATTEMPTS && removal::is_in_the_way(&error) => {}
            Err(error) => return Err(error),
        }
        attempt += 1;
    }
}

/// Drops or rewrites a partition; one of events or payloads is only taken out. The caller calls
/// [`swap::move_back`] when it is done.
pub(super) async fn take_step(
    connection: &mut PgConnection,
    partition: &Partition,
    step: PartitionStep,
    counts: RowCounts,
    keep: Keep,
    damaged: &mut Damaged,
) -> Result<RemovalOutcome, sqlx::Error> {
    match (step, partition.parent) {
        // The archive stays, empty: rows of its time must find a table.
        (PartitionStep::Drop, _) if partition.from_ns.is_none() => {
            rewrite::rewrite(connection, partition, keep, damaged).await
        }
        (PartitionStep::Drop, Parent::LevelOne) => {
            removal::drop_it(connection, partition, counts, keep).await
        }
        (PartitionStep::Drop, Parent::Events | Parent::Payloads) => {
            swap::take_out(connection, partition, None, counts.pins, keep).await
        }
        (PartitionStep::Rewrite, _) => rewrite::rewrite(connection, partition, keep, damaged).await,
    }
}

/// Returns the estimated bytes of a copy of the kept rows.
pub(super) fn kept_bytes(partition: &Partition, counts: RowCounts) -> u64 {
    let share = counts.kept as f64 / counts.total.max(1) as f64;
    (partition.bytes as f64 * share) as u64
}

fn change(partition: &Partition, step: PartitionStep, counts: RowCounts) -> PartitionChange {
    let freed_bytes = match step {
        PartitionStep::Drop => partition.bytes,
        PartitionStep::Rewrite => partition
            .bytes
            .saturating_sub(kept_bytes(partition, counts)),
    };
    let table = partition.table.clone();
    tracing::info!(table, ?step, freed_bytes, "retention freed a partition");
    PartitionChange {
        table,
        step,
        freed_bytes,
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
    let partitions = catalogue::list(connection).await?;
    let days: Vec<i64> = partitions
        .iter()
        .filter(|partition| partition.parent != Parent::LevelOne)
        .map(Partition::day_ns)
        .collect();
    sqlx::query("DELETE FROM retention_days WHERE NOT is_due AND day_ns <> ALL ($1)")
        .bind(days)
        .execute(&mut *connection)
        .await?;
    let (payloads, _): (Vec<_>, Vec<_>) = partitions
        .into_iter()
        .partition(|partition| partition.parent == Parent::Payloads);
    payload_days::unmark_gone(connection, &payloads).await
}
