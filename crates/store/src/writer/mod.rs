//! The writer: commits batches of spans in groups. All batches that arrive during a commit go into
//! the next one, and every batch gets its result after its commit.

mod backlog;
mod batch;
mod claim;
mod commit;
mod copy;
mod dictionary;
mod digests;
mod encode;
mod encoded;
mod events;
mod fingerprint;
mod group;
mod level0;
mod open_spans;
mod outcome;
mod partitions;
mod payloads;
mod processes;
mod queue;
mod rejections;
mod row;
mod session;
mod shared;
mod span_limit;
mod staging;
mod stored_events;
mod summary;
mod task;
mod trace_rows;

use std::sync::Arc;

use sqlx::PgPool;
use sqlx::postgres::PgConnectOptions;
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;

pub use batch::{EventOutcome, Sender, SpanGroup, WriteBatch, WriteOutcome};

use self::dictionary::CommittedEntries;
use self::digests::DigestCache;
use self::fingerprint::FingerprintMask;
use self::queue::{Job, Queue, QueueBudget};
use self::span_limit::SpanLimit;
use crate::{Clock, StoreOptions, WriteError};

/// A handle to the writer that accepts batches; cheap to clone.
#[derive(Debug, Clone)]
pub struct Writer {
    jobs: mpsc::UnboundedSender<Job>,
    shared: Committer,
    clock: Clock,
    payload_threshold_bytes: usize,
}

impl Writer {
    /// Checks whether the writer would accept a batch now, as far as that is known without the
    /// batch. The receiver calls it before it decodes a request, so that a flood of refused
    /// requests does not use up the CPU.
    ///
    /// # Errors
    /// [`WriteError::Overloaded`] or [`WriteError::Full`], as [`Self::submit`] would.
    pub fn admit(&self) -> Result<(), WriteError> {
        if self.shared.budget.is_storage_full() {
            metrics::counter!("throughline_writer_refused_batches_total", "reason" => "full")
                .increment(1);
            return Err(WriteError::Full);
        }
        if self.shared.budget.is_full() {
            return Err(self.overloaded());
        }
        Ok(())
    }

    /// Stores `batch` and returns once it is committed.
    ///
    /// Invalid spans are left out and listed in the outcome; the rest is stored. When the future is
    /// dropped, the batch may still be stored.
    ///
    /// # Errors
    /// See [`WriteError`]. Nothing of the batch counts as stored then, and the same batch may be
    /// sent again: the part that was stored counts as duplicate.
    pub async fn submit(&self, batch: WriteBatch) -> Result<WriteOutcome, WriteError> {
        self.submit_holding(batch, ()).await
    }

    /// Does the same as [`Self::submit`], and drops `held` once the batch is encoded and the
    /// decoded batch is freed. `held` is usually the memory permit of the decoded batch.
    ///
    /// # Errors
    /// As [`Self::submit`].
    pub async fn submit_holding(
        &self,
        batch: WriteBatch,
        held: impl Send,
    ) -> Result<WriteOutcome, WriteError> {
        if batch.is_empty() {
            return Ok(WriteOutcome::default());
        }
        self.admit()?;
        let (batch, detached) = payloads::detach(batch, self.payload_threshold_bytes).await;
        let now = self.clock.now();
        let encoded = encode::encode(batch, detached, now, &self.shared.known);
        drop(held);
        let Some(reserved) = self.shared.budget.reserve(encoded.memory_bytes()) else {
            return Err(self.overloaded());
        };
        let (answer, outcome) = oneshot::channel();
        let job = Job {
            batch: encoded,
            answer,
            reserved,
        };
        self.jobs.send(job).map_err(|_| WriteError::Closed)?;
        // Only a panic drops a job without a result.
        outcome.await.unwrap_or(Err(WriteError::Internal))
    }

    fn overloaded(&self) -> WriteError {
        metrics::counter!("throughline_writer_refused_batches_total", "reason" => "overloaded")
            .increment(1);
        WriteError::Overloaded {
            retry_after: self.shared.budget.retry_after(),
        }
    }
}

/// The state that a writer task shares with the submitters. It does not hold the sending end of the
/// queue, or the queue would never close.
#[derive(Debug, Clone)]
struct Committer {
    budget: Arc<QueueBudget>,
    known: Arc<CommittedEntries>,
    limit: Arc<SpanLimit>,
    digests: Arc<DigestCache>,
    fingerprint_mask: FingerprintMask,
}

/// A handle to the running writer tasks.
pub(crate) struct WriterHandle {
    writer: Writer,
    queue: Arc<Queue>,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

/// Starts the writer's tasks. They use `pool` to measure the size of level 0.
pub(crate) fn spawn(
    connect: &PgConnectOptions,
    pool: &PgPool,
    options: &StoreOptions,
) -> WriterHandle {
    let (jobs, receiver) = mpsc::unbounded_channel();
    let queue = Arc::new(Queue::new(
        receiver,
        options.group_bytes,
        options.group_spans,
    ));
    let writer = Writer {
        jobs,
        shared: Committer {
            budget: QueueBudget::new(options.queue_bytes),
            known: Arc::new(CommittedEntries::default()),
            limit: Arc::new(SpanLimit::new(options.trace_span_limit)),
            digests: Arc::default(),
            fingerprint_mask: FingerprintMask::of_bits(options.fingerprint_bits),
        },
        clock: options.clock.clone(),
        payload_threshold_bytes: options.payload_threshold_bytes,
    };
    let tasks = (0..options.writer_connections.max(1))
        .map(|_| {
            tokio::spawn(task::keep_running(
                connect.clone(),
                options.clone(),
                writer.shared.clone(),
                Arc::clone(&queue),
            ))
        })
        .collect();
    let budget = Arc::downgrade(&writer.shared.budget);
    tokio::spawn(backlog::watch(
        pool.clone(),
        budget,
        options.level0_limit,
        options.answer_timeout,
    ));
    WriterHandle {
        writer,
        queue,
        tasks: Mutex::new(tasks),
    }
}

impl WriterHandle {
    pub(crate) fn writer(&self) -> Writer {
        self.writer.clone()
    }

    /// Returns a function that reports whether batches wait for their commit or are being
    /// committed.
    pub(crate) fn is_busy(&self) -> impl Fn() -> bool + Send + Sync + use<> {
        let budget = Arc::downgrade(&self.writer.shared.budget);
        move || budget.upgrade().is_some_and(|budget| budget.is_used())
    }

    pub(crate) fn set_full(&self, is_full: bool) {
        self.writer.shared.budget.set_storage_full(is_full);
    }

    /// Stops accepting batches and returns once every accepted batch has its result.
    pub(crate) async fn close(&self) {
        self.queue.close();
        for task in self.tasks.lock().await.drain(..) {
            // The task ends without a result.
            let _ = task.await;
        }
    }
}
