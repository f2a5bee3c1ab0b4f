//! The queue of batches that wait for commit: bounded in bytes; a batch beyond the limit is refused
//! at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};

use super::batch::WriteOutcome;
use super::encoded::Encoded;
use crate::WriteError;

/// The longest wait of a group for senders that were in the last group and are likely to send
/// again.
///
/// Without this wait, senders that each wait for their result split into two halves that commit
/// alternately. The groups are half as large then, and a span costs an eighth more (measured: 8
/// senders of 510 spans).
const TIMEOUT: Duration = Duration::from_millis(4);

/// A batch that waits for its commit.
#[derive(Debug)]
pub(super) struct Job {
    pub batch: Encoded,
    pub answer: oneshot::Sender<Result<WriteOutcome, WriteError>>,
    /// Releases its bytes when the job is dropped for any reason.
    pub reserved: Reservation,
}

/// The bytes that wait for commit, their limit, and the speed at which they are committed.
#[derive(Debug)]
pub(super) struct QueueBudget {
    limit: usize,
    used: AtomicUsize,
    bytes_per_second: AtomicU64,
    /// True if the storage of the database is full.
    storage_full: AtomicBool,
    /// True if level 0 is full because compaction is behind.
    behind: AtomicBool,
    /// True if anything was committed since the last call of `take_committed`.
    committed: AtomicBool,
}

/// Bytes of a [`QueueBudget`] in use until this is dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    budget: Arc<QueueBudget>,
    bytes: usize,
}

impl QueueBudget {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            used: AtomicUsize::new(0),
            bytes_per_second: AtomicU64::new(0),
            storage_full: AtomicBool::new(false),
            behind: AtomicBool::new(false),
            committed: AtomicBool::new(false),
        })
    }

    /// Sets whether the storage of the database is full.
    pub(super) fn set_storage_full(&self, is_full: bool) {
        self.storage_full.store(is_full, Ordering::Relaxed);
    }

    /// Returns whether the storage of the database is full.
    pub(super) fn is_storage_full(&self) -> bool {
        self.storage_full.load(Ordering::Relaxed)
    }

    /// Sets whether compaction is behind; returns the previous state.
    pub(super) fn set_behind(&self, behind: bool) -> bool {
        self.behind.swap(behind, Ordering::Relaxed)
    }

    /// Returns whether compaction is behind.
    pub(super) fn is_behind(&self) -> bool {
        self.behind.load(Ordering::Relaxed)
    }

    /// Returns whether anything was committed since the last call.
    pub(super) fn take_committed(&self) -> bool {
        self.committed.swap(false, Ordering::Relaxed)
    }

    /// Returns whether the queue is nearly full (at most an eighth of the limit is left), or
    /// compaction is behind.
    pub(super) fn is_full(&self) -> bool {
        self.is_behind() || self.used.load(Ordering::Relaxed) >= self.limit - self.limit / 8
    }

    /// Reserves `bytes`, unless they exceed the limit together with the reserved ones. When nothing
    /// is reserved they may exceed it, or a large batch could never pass.
    pub(super) fn reserve(self: &Arc<Self>, bytes: usize) -> Option<Reservation> {
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                let sum = used.checked_add(bytes)?;
                (used == 0 || sum <= self.limit).then_some(sum)
            })
            .ok()?;
        self.report();
        Some(Reservation {
            budget: Arc::clone(self),
            bytes,
        })
    }

    /// Returns whether batches wait for their commit or are being committed.
    pub(super) fn is_used(&self) -> bool {
        self.used.load(Ordering::Relaxed) != 0
    }

    /// Returns the time until the waiting bytes are committed, at the speed of the last commit: 1
    /// to 30 s. Returns 1 s before the first commit, because no speed is known.
    pub(super) fn retry_after(&self) -> Duration {
        let used = self.used.load(Ordering::Relaxed) as u64;
        let pace = self.bytes_per_second.load(Ordering::Relaxed);
        Duration::from_secs(used.checked_div(pace).unwrap_or(1).clamp(1, 30))
    }

    /// Records that committing `bytes` took `elapsed`.
    pub(super) fn note_pace(&self, bytes: usize, elapsed: Duration) {
        self.committed.store(true, Ordering::Relaxed);
        let pace = bytes as f64 / elapsed.as_secs_f64().max(1e-6);
        let pace = (pace as u64).max(1);
        self.bytes_per_second.store(pace, Ordering::Relaxed);
    }

    fn report(&self) {
        metrics::gauge!("throughline_writer_queue_bytes")
            .set(self.used.load(Ordering::Relaxed) as f64);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.bytes, Ordering::Relaxed);
        self.budget.report();
    }
}

/// The waiting jobs, and the number of jobs in the last group.
#[derive(Debug)]
struct Jobs {
    waiting: mpsc::UnboundedReceiver<Job>,
    /// The number of jobs in the last group.
    before: usize,
}

/// The receiving end of the queue, from which the writer tasks take groups.
#[derive(Debug)]
pub(super) struct Queue {
    jobs: Mutex<Jobs>,
    closing: watch::Sender<bool>,
    group_bytes: usize,
    group_spans: usize,
}

impl Queue {
    pub(super) fn new(
        jobs: mpsc::UnboundedReceiver<Job>,
        group_bytes: usize,
        group_spans: usize,
    ) -> Self {
        Self {
            jobs: Mutex::new(Jobs {
                waiting: jobs,
                before: 0,
            }),
            closing: watch::Sender::new(false),
            group_bytes,
            group_spans,
        }
    }

    /// Waits for a job and takes the other waiting jobs, up to the size of a group. Also waits a
    /// moment for the next batches of the senders in the last group. Returns `None` once the queue
    /// is closed and empty. A single sender never waits.
    pub(super) async fn next_group(&self) -> Option<Vec<Job>> {
        let mut jobs = self.jobs.lock().await;
        // A sender that waits already was not in the last group.
        let expected = jobs.before + jobs.waiting.len();
        let mut closing = self.closing.subscribe();
        let first = tokio::select! {
            biased;
            first = jobs.waiting.recv() => Some(first?),
            _ = closing.wait_for(|closing| *closing) => None,
        };
        let first = if let Some(first) = first {
            first
        } else {
            jobs.waiting.close();
            jobs.waiting.recv().await?
        };
        let (mut bytes, mut spans) = (first.batch.byte_count(), first.batch.row_count());
        let mut group = vec![first];
        let timeout = Instant::now() + TIMEOUT;
        while bytes < self.group_bytes && spans < self.group_spans {
            let job = match jobs.waiting.try_recv() {
                Ok(job) => job,
                Err(TryRecvError::Empty) if group.len() < expected => {
                    match timeout_at(timeout, jobs.waiting.recv()).await {
                        Ok(Some(job)) => job,
                        Ok(None) | Err(_) => break,
                    }
                }
                Err(_) => break,
            };
            bytes += job.batch.byte_count();
            spans += job.batch.row_count();
            group.push(job);
        }
        jobs.before = group.len();
        metrics::histogram!("throughline_writer_group_batches").record(group.len() as f64);
        Some(group)
    }

    /// Closes the queue for new jobs; waiting jobs may still be taken.
    pub(super) fn close(&self) {
        self.closing.send_replace(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sender {
        jobs: mpsc::UnboundedSender<Job>,
        budget: Arc<QueueBudget>,
    }

    impl Sender {
        fn send(&self, count: usize) {
            for _ in 0..count {
                let (answer, _) = oneshot::channel();
                let reserved = self.budget.reserve(1).expect("there is space");
                let batch = Encoded::default();
                let job = Job {
                    batch,
                    answer,
                    reserved,
                };
                assert!(self.jobs.send(job).is_ok(), "the queue is open");
            }
        }
    }

    fn queue() -> (Sender, Queue) {
        let (jobs, waiting) = mpsc::unbounded_channel();
        let budget = QueueBudget::new(1_000);
        (Sender { jobs, budget }, Queue::new(waiting, 1_000, 1_000))
    }

    async fn group(queue: &Queue) -> usize {
        queue.next_group().await.map_or(0, |jobs| jobs.len())
    }

    #[test]
    fn the_wait_follows_the_pace_and_is_short_while_none_is_known() {
        let budget = QueueBudget::new(1_000);
        let _reserved = budget.reserve(1_000).expect("there is space");
        assert_eq!(budget.retry_after(), Duration::from_secs(1));
        budget.note_pace(1_000, Duration::from_secs(5));
        assert_eq!(budget.retry_after(), Duration::from_secs(5));
        budget.note_pace(1, Duration::from_secs(5));
        assert_eq!(budget.retry_after(), Duration::from_secs(30));
    }

    #[tokio::test(start_paused = true)]
    async fn a_group_waits_for_the_senders_of_the_last_group() {
        let (sender, queue) = queue();
        sender.send(4);
        assert_eq!(group(&queue).await, 4);
        // Four other senders came while the first four were committed; the first four send a little
        // later.
        sender.send(4);
        let (next, ()) = tokio::join!(group(&queue), async {
            tokio::time::sleep(TIMEOUT / 2).await;
            sender.send(4);
        });
        assert_eq!(next, 8);
    }

    #[tokio::test(start_paused = true)]
    async fn a_single_sender_never_waits() {
        let (sender, queue) = queue();
        for _ in 0..3 {
            let answered = async { tokio::join!(group(&queue), async { sender.send(1) }) };
            // The test clock advances only when every task waits for it.
            let soon = Instant::now() + TIMEOUT / 2;
            let (size, ()) = timeout_at(soon, answered)
                .await
                .expect("it is taken at once");
            assert_eq!(size, 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_queue_returns_its_batches_at_once() {
        let (sender, queue) = queue();
        sender.send(2);
        assert_eq!(group(&queue).await, 2);
        sender.send(1);
        queue.close();
        drop(sender);
        assert_eq!(group(&queue).await, 1);
        assert!(queue.next_group().await.is_none());
    }
}
