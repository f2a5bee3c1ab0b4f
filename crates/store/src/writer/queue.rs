//! What waits for commit: bounded by bytes, refused at once beyond the bound.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, oneshot, watch};

use super::batch::WriteOutcome;
use super::encode::Encoded;
use crate::WriteError;

/// A batch on its way to commit.
#[derive(Debug)]
pub(super) struct Job {
    pub batch: Encoded,
    pub answer: oneshot::Sender<Result<WriteOutcome, WriteError>>,
    /// Gives its bytes back when the job is dropped, however it ends.
    pub reserved: Reservation,
}

/// How many bytes wait, and how fast they leave.
#[derive(Debug)]
pub(super) struct Budget {
    limit: usize,
    used: AtomicUsize,
    bytes_per_second: AtomicU64,
    /// Whether the database has no room for more.
    no_room: AtomicBool,
}

/// Bytes of a [`Budget`] in use until this is dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    pub(super) fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self {
            limit,
            used: AtomicUsize::new(0),
            bytes_per_second: AtomicU64::new(0),
            no_room: AtomicBool::new(false),
        })
    }

    /// Says whether the database has no room for more.
    pub(super) fn set_no_room(&self, no_room: bool) {
        self.no_room.store(no_room, Ordering::Relaxed);
    }

    /// Whether it has none.
    pub(super) fn has_no_room(&self) -> bool {
        self.no_room.load(Ordering::Relaxed)
    }

    /// Whether there is hardly room for another batch: an eighth of the limit is left.
    pub(super) fn is_full(&self) -> bool {
        self.used.load(Ordering::Relaxed) >= self.limit - self.limit / 8
    }

    /// Takes `bytes`, unless they exceed the limit together with what is taken; on their own they
    /// may, or a large batch could never pass.
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

    /// When what waits now will have left, at the pace of the last commit; 1 to 30 s.
    pub(super) fn retry_after(&self) -> Duration {
        let used = self.used.load(Ordering::Relaxed) as u64;
        let pace = self.bytes_per_second.load(Ordering::Relaxed).max(1);
        Duration::from_secs((used / pace).clamp(1, 30))
    }

    /// Notes that `bytes` took `elapsed` to commit.
    pub(super) fn note_pace(&self, bytes: usize, elapsed: Duration) {
        let pace = bytes as f64 / elapsed.as_secs_f64().max(1e-6);
        self.bytes_per_second.store(pace as u64, Ordering::Relaxed);
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

/// The end the writer tasks take from.
#[derive(Debug)]
pub(super) struct Queue {
    jobs: Mutex<mpsc::UnboundedReceiver<Job>>,
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
            jobs: Mutex::new(jobs),
            closing: watch::Sender::new(false),
            group_bytes,
            group_spans,
        }
    }

    /// Waits for a job and takes what else waits, up to the size of a group; nothing once the
    /// queue is closed and empty.
    pub(super) async fn next_group(&self) -> Option<Vec<Job>> {
        let mut jobs = self.jobs.lock().await;
        let mut closing = self.closing.subscribe();
        let first = tokio::select! {
            biased;
            first = jobs.recv() => Some(first?),
            _ = closing.wait_for(|closing| *closing) => None,
        };
        let first = if let Some(first) = first {
            first
        } else {
            jobs.close();
            jobs.recv().await?
        };
        let (mut bytes, mut spans) = (first.batch.byte_count(), first.batch.row_count());
        let mut group = vec![first];
        while bytes < self.group_bytes && spans < self.group_spans {
            let Ok(job) = jobs.try_recv() else { break };
            bytes += job.batch.byte_count();
            spans += job.batch.row_count();
            group.push(job);
        }
        Some(group)
    }

    /// Lets nothing in any more; what is in may still be taken.
    pub(super) fn close(&self) {
        self.closing.send_replace(true);
    }
}
