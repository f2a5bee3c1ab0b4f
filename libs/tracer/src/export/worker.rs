//! The export thread: sends batches by size or age, retries failed ones, and completes flushes
//! before their deadlines.

mod end;
mod flushes;
mod messages;

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use throughline_wire::{DropReason, InstrumentationScope, Resource};
use tokio::runtime;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::sleep_until;

use self::flushes::Waiting;
use super::answer::Answer;
use super::backoff::Backoff;
use super::batch::Batch;
use super::client::Client;
use super::flush::Command;
use super::notice::Notice;
use super::sequence_tracker::SequenceTracker;
use super::{Queue, Queued, suppression};
use crate::clock;
use crate::ids;

/// The settings of the worker, fixed at the start.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) client: Client,
    pub(crate) resource: Resource,
    pub(crate) scope: InstrumentationScope,
    /// The maximum time a span waits to be sent.
    pub(crate) interval: Duration,
    /// The time after which an open span is announced.
    pub(crate) announce_after: Duration,
    pub(crate) backoff: Backoff,
}

/// Starts the export thread.
pub(crate) fn start(
    settings: Settings,
    queue: Arc<Queue>,
    spans: Receiver<Queued>,
    commands: UnboundedReceiver<Command>,
) -> io::Result<()> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(2)
        // Name look-ups run on blocking threads, which must not record either.
        .on_thread_start(suppression::suppress)
        .build()?;
    let tracker = SequenceTracker::new(settings.announce_after);
    let worker = Worker {
        settings,
        tracker,
        stopping: None,
        queue,
        spans,
        commands,
        flushes: Vec::new(),
        retry: VecDeque::new(),
        taken: 0,
        failures: 0,
        not_before: Instant::now(),
        notice: Notice::default(),
    };
    thread::Builder::new()
        .name("throughline".to_owned())
        .spawn(move || {
            suppression::suppress();
            runtime.block_on(worker.run());
        })
        .map(drop)
}

struct Worker {
    settings: Settings,
    queue: Arc<Queue>,
    spans: Receiver<Queued>,
    commands: UnboundedReceiver<Command>,
    flushes: Vec<Waiting>,
    /// Batches to send again, before any new one.
    retry: VecDeque<Batch>,
    /// The number of spans taken from the queue since the start.
    taken: u64,
    failures: u32,
    /// The earliest time of the next attempt.
    not_before: Instant,
    notice: Notice,
    /// The state of the sequence numbers.
    tracker: SequenceTracker,
    /// The command that ends the worker, completed after the final report.
    stopping: Option<Command>,
}

/// Tells the caller to end the worker.
struct Stop;

impl Worker {
    async fn run(mut self) {
        while self.turn().await.is_ok() {}
        self.send_final_report().await;
        self.give_up();
    }

    /// Waits until a batch is full or old enough, then sends all batches.
    async fn turn(&mut self) -> Result<(), Stop> {
        let failing = self.failures > 0;
        let due = if failing {
            self.not_before
        } else {
            Instant::now() + self.settings.interval
        };
        let queue = Arc::clone(&self.queue);
        let wait = async {
            tokio::select! {
                () = sleep_until(due.into()) => {}
                () = queue.wake.notified(), if !failing => {}
            }
        };
        self.serve_during(wait, true).await?;
        clock::correct();
        self.send_all().await?;
        self.notice.warn_of_losses(&self.queue.stats());
        Ok(())
    }

    /// Accepts commands while `work` runs. If `interruptible`, a command interrupts the work; the
    /// result is then `None`.
    async fn serve_during<T>(
        &mut self,
        work: impl Future<Output = T>,
        interruptible: bool,
    ) -> Result<Option<T>, Stop> {
        let mut work = pin!(work);
        loop {
            let deadline = self
                .flushes
                .iter()
                .map(|flush| flush.command.deadline)
                .min();
            // Without a deadline, the branch below is disabled and this value is not used.
            let expiry = deadline.unwrap_or_else(|| Instant::now() + Duration::from_hours(1));
            tokio::select! {
                biased;
                result = &mut work => return Ok(Some(result)),
                command = self.commands.recv() => {
                    // All handles and layers are dropped, so no command can follow.
                    let command = command.ok_or(Stop)?;
                    self.accept(command);
                    if interruptible {
                        return Ok(None);
                    }
                }
                () = sleep_until(expiry.into()), if deadline.is_some() => self.answer_flushes()?,
            }
        }
    }

    /// Sends batch by batch until the queue is empty or the collector fails.
    async fn send_all(&mut self) -> Result<(), Stop> {
        while let Some(batch) = self.next_batch() {
            let Ok(body) = batch.encode() else {
                self.drop_batch(&batch, DropReason::Other);
                continue;
            };
            let request = self.settings.client.clone().post(body);
            // Stored in `retry` while it is being sent: if the worker ends, the batch is counted as
            // unsent.
            self.retry.push_front(batch);
            let answer = self.serve_during(request, false).await?;
            let Some((answer, batch)) = answer.zip(self.retry.pop_front()) else {
                continue;
            };
            if !self.take_answer(batch, answer) {
                break;
            }
            self.answer_flushes()?;
        }
        self.answer_flushes()
    }

    /// Handles the outcome of a batch. Returns false if the worker must back off.
    fn take_answer(&mut self, batch: Batch, answer: Answer) -> bool {
        match answer {
            Answer::Stored { rejected, reason } => {
                self.failures = 0;
                self.queue.settle(batch.len(), batch.bytes, rejected);
                if let Some(reason) = reason {
                    let why = format!("the collector rejected {rejected} spans: {reason}");
                    self.notice.warn(&why, &self.queue.stats());
                }
            }
            Answer::TooLarge if batch.len() > 1 => {
                let (first, second) = batch.split();
                self.retry.push_front(second);
                self.retry.push_front(first);
            }
            Answer::TooLarge => self.drop_batch(&batch, DropReason::TooBig),
            Answer::Refused(why) => {
                // The cause, such as a wrong key, is likely to affect the next batch too, so back
                // off.
                self.drop_batch(&batch, DropReason::Rejected);
                self.fail(None, &why);
                return false;
            }
            Answer::Later { after, why } => {
                self.retry.push_front(batch);
                self.fail(after, &why);
                return false;
            }
        }
        true
    }

    /// Backs off and warns.
    fn fail(&mut self, after: Option<Duration>, why: &str) {
        self.failures = self.failures.saturating_add(1);
        let wait = self
            .settings
            .backoff
            .wait(self.failures, after, ids::random());
        self.not_before = Instant::now() + wait;
        self.notice.warn(why, &self.queue.stats());
    }

    /// Counts a batch as lost. A later batch reports the losses that this one carried.
    fn drop_batch(&mut self, batch: &Batch, reason: DropReason) {
        self.queue.return_unreported(&batch.message.dropped);
        // A batch that is too large would be too large again, so its starts are not announced
        // again.
        if reason != DropReason::TooBig {
            self.tracker.forget(&batch.message.starts);
        }
        self.queue.lose(batch.len(), batch.bytes, reason);
    }
}
