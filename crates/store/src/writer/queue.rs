//! What waits for commit: bounded by bytes, refused at once beyond the bound.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout_at};

use super::batch::WriteOutcome;
use super::encoded::Encoded;
use crate::WriteError;

/// How long a group waits for senders that were answered with the last one and go on sending.
///
/// Senders that each wait for their answer would else fall into two halves that take turns: groups of
/// half the size, whose commits cost an eighth more a span (measured: 8 senders of 510 spans).
const TIMEOUT: Duration = Duration::from_millis(4);

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
    /// Whether level 0 is full while compaction is behind.
    behind: AtomicBool,
    /// Whether anything was committed since this was asked last.
    committed: AtomicBool,
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
            behind: AtomicBool::new(false),
            committed: AtomicBool::new(false),
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

    /// Says whether compaction is behind; whether it was.
    pub(super) fn set_behind(&self, behind: bool) -> bool {
        self.behind.swap(behind, Ordering::Relaxed)
    }

    /// Whether compaction is behind.
    pub(super) fn is_behind(&self) -> bool {
        self.behind.load(Ordering::Relaxed)
    }

    /// Whether anything was committed since this was asked last.
    pub(super) fn take_committed(&self) -> bool {
        self.committed.swap(false, Ordering::Relaxed)
    }

    /// Whether there is hardly room for another batch: an eighth of the limit is left, or compaction
    /// is behind.
    pub(super) fn is_full(&self) -> bool {
        self.is_behind() || self.used.load(Ordering::Relaxed) >= self.limit - self.limit / 8
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

    /// Returns whether batches wait for their commit or are being committed.
    pub(super) fn is_used(&self) -> bool {
        self.used.load(Ordering::Relaxed) != 0
    }

    /// Returns when what waits now will have left, at the pace of the last commit; 1 to 30 s, and 1 s
    /// while nothing was committed yet, as no pace is known.
    pub(super) fn retry_after(&self) -> Duration {
        let used = self.used.load(Ordering::Relaxed) as u64;
        let pace = self.bytes_per_second.load(Ordering::Relaxed);
        Duration::from_secs(used.checked_div(pace).unwrap_or(1).clamp(1, 30))
    }

    /// Notes that `bytes` took `elapsed` to commit.
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

/// What waits, and what is known of who sends it.
#[derive(Debug)]
struct Jobs {
    waiting: mpsc::UnboundedReceiver<Job>,
    /// How many the last group had.
    before: usize,
}

/// The end the writer tasks take from.
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

    /// Waits for a job and takes what else waits, up to the size of a group, and for a moment what
    /// those will send who were answered with the last group; nothing once the queue is closed and
    /// empty. A sender that is alone is never made to wait.
    pub(super) async fn next_group(&self) -> Option<Vec<Job>> {
        let mut jobs = self.jobs.lock().await;
        // Whoever waits already was not in the last group.
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

    /// Lets nothing in any more; what is in may still be taken.
    pub(super) fn close(&self) {
        self.closing.send_replace(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Sender {
        jobs: mpsc::UnboundedSender<Job>,
        budget: Arc<Budget>,
    }

    impl Sender {
        fn send(&self, count: usize) {
            for _ in 0..count {
                let (answer, _) = oneshot::channel();
                let reserved = self.budget.reserve(1).expect("there is room");
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
        let budget = Budget::new(1_000);
        (Sender { jobs, budget }, Queue::new(waiting, 1_000, 1_000))
    }

    async fn group(queue: &Queue) -> usize {
        queue.next_group().await.map_or(0, |jobs| jobs.len())
    }

    #[test]
    fn the_wait_follows_the_pace_and_is_short_while_none_is_known() {
        let budget = Budget::new(1_000);
        let _reserved = budget.reserve(1_000).expect("there is room");
        assert_eq!(budget.retry_after(), Duration::from_secs(1));
        budget.note_pace(1_000, Duration::from_secs(5));
        assert_eq!(budget.retry_after(), Duration::from_secs(5));
        budget.note_pace(1, Duration::from_secs(5));
        assert_eq!(budget.retry_after(), Duration::from_secs(30));
    }

    #[tokio::test(start_paused = true)]
    async fn who_was_answered_with_the_last_group_is_waited_for() {
        let (sender, queue) = queue();
        sender.send(4);
        assert_eq!(group(&queue).await, 4);
        // While those were committed, four others came; the first four are a little later.
        sender.send(4);
        let (next, ()) = tokio::join!(group(&queue), async {
            tokio::time::sleep(TIMEOUT / 2).await;
            sender.send(4);
        });
        assert_eq!(next, 8);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sender_that_is_alone_is_never_made_to_wait() {
        let (sender, queue) = queue();
        for _ in 0..3 {
            let answered = async { tokio::join!(group(&queue), async { sender.send(1) }) };
            // The clock stands still unless all there is to do is to wait for it.
            let soon = Instant::now() + TIMEOUT / 2;
            let (size, ()) = timeout_at(soon, answered)
                .await
                .expect("it is taken at once");
            assert_eq!(size, 1);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_queue_gives_what_it_has_at_once() {
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
