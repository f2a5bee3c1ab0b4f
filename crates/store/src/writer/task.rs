//! The writer's loop: takes a group, commits it, retries where that can help, and isolates rows
//! that cannot be stored.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use tokio::time::{Instant, sleep, timeout};

use super::Committer;
use super::commit::{self, Commit};
use super::dictionary;
use super::group::Group;
use super::open_spans;
use super::outcome::{Committed, RowRef};
use super::partitions::Partitions;
use super::queue::{Job, Queue};
use super::session::{Open, Session};
use super::span_limit;
use crate::sqlstate::{Fault, fault};
use crate::{Clock, StoreOptions, WriteError};

/// One writer task with its connection.
pub(super) struct Task {
    session: Session,
    shared: Committer,
    clock: Clock,
    commit_timeout: Duration,
    buffers: commit::CommitBuffers,
}

/// Runs a task until the queue is closed and empty. After a panic it fails the batches of the task
/// and starts another one: one bug must not block all senders.
pub(super) async fn keep_running(
    connect: PgConnectOptions,
    options: StoreOptions,
    shared: Committer,
    queue: Arc<Queue>,
) {
    loop {
        let task = Task::new(&connect, &options, shared.clone());
        match tokio::spawn(task.run(Arc::clone(&queue))).await {
            Ok(()) => return,
            Err(error) => {
                tracing::error!(%error, "a writer task stopped unexpectedly; restarting it");
            }
        }
    }
}

/// The outcome of rows.
struct StoredRows {
    committed: Committed,
    /// The rejected starts.
    starts: BTreeSet<open_spans::OpenSpanKey>,
}

/// The reason that rows were not stored.
enum Failure {
    /// At least one row can never be stored; carries the database's reason.
    Data(String),
    /// No row can be stored now.
    All(WriteError),
}

impl Task {
    /// The most retries of the same rows after conflicts between transactions.
    const MAX_CONFLICTS: u32 = 8;
    /// The most faults of a group. A group is halved repeatedly to find bad rows; after this many
    /// faults the remaining rows are rejected. That suffices for twenty bad rows in any group, and
    /// a flood of bad rows cannot delay all senders.
    const MAX_FAULTS: u32 = 400;

    pub(super) fn new(
        connect: &PgConnectOptions,
        options: &StoreOptions,
        shared: Committer,
    ) -> Self {
        Self {
            session: Session::new(connect, options.commit_timeout),
            shared,
            clock: options.clock.clone(),
            commit_timeout: options.commit_timeout,
            buffers: commit::CommitBuffers::default(),
        }
    }

    /// Commits groups until the queue is closed and empty.
    pub(super) async fn run(mut self, queue: Arc<Queue>) {
        while let Some(jobs) = queue.next_group().await {
            self.commit_group(jobs).await;
        }
        self.session.close().await;
    }

    async fn commit_group(&mut self, mut jobs: Vec<Job>) {
        let started = Instant::now();
        // Every server uses the same order. Servers that store the same batches at the same time
        // then lock their spans in the same order, and one waits for the other.
        jobs.sort_by_key(|job| {
            let first = job.batch.rows.first();
            first.map(|row| (job.batch.tenant, row.trace_id, row.span_id))
        });
        let (mut group, distinct) = Group::new(jobs);
        let mut waiting = vec![distinct];
        let mut faults = 0;
        // The first rows that are committed carry the process reports of all batches.
        let mut are_reports_stored = group.with_reports().next().is_none();
        while let Some(mut rows) = waiting.pop() {
            if rows.is_empty() {
                continue;
            }
            match self.store(&group, &rows).await {
                Ok(stored) => {
                    are_reports_stored = true;
                    self.settle(&mut group, &rows, stored);
                }
                Err(Failure::All(error)) => group.fail(&rows, &error),
                Err(Failure::Data(reason)) => {
                    faults += 1;
                    if rows.len() == 1 {
                        tracing::warn!(reason, "the database rejected a row");
                        group.reject(rows[0], reason);
                        // The sequence number of a rejected span counts as rejected, not as lost.
                        are_reports_stored = group.with_reports().next().is_none();
                    } else if faults > Self::MAX_FAULTS {
                        group.fail(&rows, &WriteError::Refused(reason));
                    } else {
                        let second_half = rows.split_off(rows.len() / 2);
                        waiting.push(second_half);
                        waiting.push(rows);
                    }
                }
            }
        }
        if !are_reports_stored {
            match self.store(&group, &[]).await {
                Ok(stored) => self.settle(&mut group, &[], stored),
                Err(Failure::All(error)) => group.fail_reporting(&error),
                Err(Failure::Data(reason)) => group.fail_reporting(&WriteError::Refused(reason)),
            }
        }
        let elapsed = started.elapsed();
        metrics::histogram!("throughline_writer_group_seconds").record(elapsed.as_secs_f64());
        self.shared.budget.note_pace(group.bytes(), elapsed);
        group.answer();
    }

    fn settle(&self, group: &mut Group, rows: &[RowRef], stored: StoredRows) {
        let limit = &self.shared.limit;
        group.settle_starts(&stored.starts, &limit.reason_of_start());
        group.settle(rows, &stored.committed);
        let claimed = stored.committed.spans;
        self.shared.digests.put(claimed.large);
        if claimed.over_limit.is_empty() {
            return;
        }
        limit.note_refused(group, &claimed.over_limit);
        metrics::counter!("throughline_writer_refused_spans_total", "reason" => "trace_too_large")
            .increment(claimed.over_limit.len() as u64);
        for row in claimed.over_limit {
            group.reject(row, limit.reason());
        }
    }

    /// Stores `rows` in one transaction, with retries where they can help.
    async fn store(&mut self, group: &Group, rows: &[RowRef]) -> Result<StoredRows, Failure> {
        let unavailable = Err(Failure::All(WriteError::Unavailable));
        let mut conflicts = 0;
        let mut is_second_connection = false;
        let mut is_second_partitioning = false;
        loop {
            let was_open = self.session.is_open();
            let Some(mut open) = self.session.take().await else {
                return unavailable;
            };
            let limit = self.commit_timeout;
            let attempt = self.attempt(&mut open, group, rows);
            let Ok(result) = timeout(limit, attempt).await else {
                // The connection is dropped, so that its unfinished statement cannot interfere with
                // the next commit.
                tracing::warn!("timeout of a commit");
                return unavailable;
            };
            let (error, committing) = match result {
                Ok(stored) => {
                    self.session.put_back(open);
                    return Ok(stored);
                }
                Err(failed) => (failed.error, failed.committing),
            };
            match fault(&error) {
                // Rows are checked before COMMIT, so an error of COMMIT is not caused by a row.
                Fault::Data(reason) if committing => {
                    self.session.put_back(open);
                    tracing::warn!(reason, "cannot commit a group");
                    return unavailable;
                }
                Fault::Data(reason) => {
                    self.session.put_back(open);
                    return Err(Failure::Data(reason));
                }
                Fault::Conflict if conflicts < Self::MAX_CONFLICTS => {
                    self.session.put_back(open);
                    conflicts += 1;
                    metrics::counter!("throughline_writer_conflicts_total").increment(1);
                    sleep(Duration::from_millis(2 << conflicts)).await;
                }
                Fault::NoPartition if !is_second_partitioning => {
                    is_second_partitioning = true;
                    open.partitions = Partitions::default();
                    self.session.put_back(open);
                }
                // An idle connection reports a restart of the database only when it is used, so the
                // commit is retried once. After COMMIT was sent the rows may be stored: then the
                // sender retries, and they count as duplicates.
                Fault::Disconnected if was_open && !is_second_connection && !committing => {
                    tracing::warn!(%error, "the writer lost its connection; reconnecting");
                    is_second_connection = true;
                    self.shared.known.clear();
                }
                Fault::Disconnected | Fault::Unavailable | Fault::TimedOut | Fault::Conflict => {
                    tracing::warn!(%error, "cannot commit a group");
                    self.shared.known.clear();
                    return unavailable;
                }
                Fault::Duplicate | Fault::NoPartition | Fault::Other => {
                    tracing::error!(%error, "cannot commit a group");
                    return Err(Failure::All(WriteError::Internal));
                }
            }
        }
    }

    async fn attempt(
        &mut self,
        open: &mut Open,
        group: &Group,
        rows: &[RowRef],
    ) -> Result<StoredRows, commit::Failed> {
        let shared = &self.shared;
        let connection = &mut open.connection;
        let starts = span_limit::starts::over(connection, group, shared.limit.spans()).await?;
        let entries = group
            .batches_of(rows)
            .chain(group.with_reports())
            .flat_map(|batch| batch.dictionary.iter());
        let missing = shared.known.missing(entries);
        if !missing.is_empty() {
            dictionary::write(connection, &shared.known, missing).await?;
        }
        open.partitions
            .ensure(connection, group.days(rows).into_iter(), self.clock.now())
            .await?;
        let commit = Commit {
            group,
            rows,
            refused_starts: &starts,
            shared,
        };
        if !self.buffers.blocks.is_empty() {
            // The buffer holds a block that could not be built.
            self.buffers = commit::CommitBuffers::default();
        }
        let committed = commit.run(connection, &mut self.buffers).await?;
        Ok(StoredRows { committed, starts })
    }
}
