//! The thread that sends: batches by number or age, retries for as long as it takes, answers
//! flushes by their deadline.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use throughline_wire::{
    BatchSequence, ClientClock, DropReason, InstrumentationScope, Resource, Span, SpanBatch,
    SpanStart,
};
use tokio::runtime;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::sleep_until;

use super::answer::Answer;
use super::backoff::Backoff;
use super::batch::Batch;
use super::client::Client;
use super::flush::{Command, Flushed};
use super::ledger::Ledger;
use super::notice::Notice;
use super::{Queue, Queued, quiet};
use crate::clock::{self, Tick};
use crate::ids;

/// What the worker is told once.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) client: Client,
    pub(crate) resource: Resource,
    pub(crate) scope: InstrumentationScope,
    /// A span waits no longer for others to be sent with.
    pub(crate) interval: Duration,
    /// A span that is open for so long is announced.
    pub(crate) announce_after: Duration,
    pub(crate) backoff: Backoff,
}

/// Starts the thread.
pub(crate) fn start(
    settings: Settings,
    queue: Arc<Queue>,
    spans: Receiver<Queued>,
    commands: UnboundedReceiver<Command>,
) -> io::Result<()> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(2)
        // Look-ups of names run on threads of their own.
        .on_thread_start(quiet::keep_quiet)
        .build()?;
    let ledger = Ledger::new(settings.announce_after);
    let worker = Worker {
        settings,
        ledger,
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
            quiet::keep_quiet();
            runtime.block_on(worker.run());
        })
        .map(drop)
}

/// A flush that has not been answered.
struct Waiting {
    /// How many spans must have been taken from the queue and settled.
    target: u64,
    command: Command,
}

struct Worker {
    settings: Settings,
    queue: Arc<Queue>,
    spans: Receiver<Queued>,
    commands: UnboundedReceiver<Command>,
    flushes: Vec<Waiting>,
    /// Batches that have to go again, before any new one.
    retry: VecDeque<Batch>,
    /// Spans taken from the queue since the start.
    taken: u64,
    failures: u32,
    /// When the next attempt may be made.
    not_before: Instant,
    notice: Notice,
    /// Which numbers are accounted for.
    ledger: Ledger,
    /// The command that ends the worker, to be answered when it has said goodbye.
    stopping: Option<Command>,
}

/// The worker is to end.
struct Stop;

impl Worker {
    /// A batch is cut at this many bytes of spans in memory.
    const BATCH_BYTES: usize = 2 << 20;

    async fn run(mut self) {
        while self.turn().await.is_ok() {}
        self.say_goodbye().await;
        self.give_up();
    }

    /// Waits for a batch to fill or to grow old, then sends what there is.
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

    /// Takes commands while `work` runs. A command interrupts it when `interruptible`: then there
    /// is no result.
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
            // Far away, and not waited for.
            let expiry = deadline.unwrap_or_else(|| Instant::now() + Duration::from_hours(1));
            tokio::select! {
                biased;
                result = &mut work => return Ok(Some(result)),
                command = self.commands.recv() => {
                    // No command can come any more: neither handle nor layer is left.
                    let command = command.ok_or(Stop)?;
                    let target = self.queue.accepted();
                    self.flushes.push(Waiting { target, command });
                    if interruptible {
                        return Ok(None);
                    }
                }
                () = sleep_until(expiry.into()), if deadline.is_some() => self.answer_flushes()?,
            }
        }
    }

    /// Sends batch by batch until there is nothing more or the collector fails.
    async fn send_all(&mut self) -> Result<(), Stop> {
        while let Some(batch) = self.next_batch() {
            let Ok(body) = batch.encode() else {
                self.drop_batch(&batch, DropReason::Other);
                continue;
            };
            let request = self.settings.client.clone().post(body);
            // Kept in sight while under way: an ending worker counts what it leaves behind.
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

    /// Settles the batch; false when the collector wants to be left alone for a while.
    fn take_answer(&mut self, batch: Batch, answer: Answer) -> bool {
        match answer {
            Answer::Stored { rejected, reason } => {
                self.failures = 0;
                self.queue.settle(batch.len(), batch.bytes, rejected);
                if let Some(reason) = reason {
                    let why = format!("it refused {rejected} spans: {reason}");
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
                // What refuses one batch, such as a wrong key, mostly refuses the next: no hurry.
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

    /// Leaves the collector alone for a while.
    fn fail(&mut self, after: Option<Duration>, why: &str) {
        self.failures = self.failures.saturating_add(1);
        let wait = self
            .settings
            .backoff
            .wait(self.failures, after, ids::random());
        self.not_before = Instant::now() + wait;
        self.notice.warn(why, &self.queue.stats());
    }

    /// Counts a batch as lost; the losses it would have reported go with a later one.
    fn drop_batch(&mut self, batch: &Batch, reason: DropReason) {
        self.queue.return_unreported(&batch.message.dropped);
        // What is too large once is too large again.
        if reason != DropReason::TooBig {
            self.ledger.forget(&batch.message.starts);
        }
        self.queue.lose(batch.len(), batch.bytes, reason);
    }

    /// What to send next: what failed before, then new spans, then bare losses.
    fn next_batch(&mut self) -> Option<Batch> {
        if let Some(batch) = self.retry.pop_front() {
            return Some(batch);
        }
        let mut spans = Vec::new();
        let mut bytes = 0;
        while spans.len() < self.queue.limits().batch && bytes < Self::BATCH_BYTES {
            let Ok(queued) = self.spans.try_recv() else {
                break;
            };
            bytes += queued.bytes;
            spans.push(*queued.span);
        }
        self.taken += spans.len() as u64;
        let dropped = self.queue.take_unreported();
        let (sequence, starts) = self.ledger.account(&self.queue, &spans, false);
        let nothing = spans.is_empty() && dropped.is_empty() && starts.is_empty();
        if nothing && !self.ledger.is_heartbeat_due() {
            return None;
        }
        self.ledger.note_sent();
        let message = self.message(spans, starts, sequence, dropped);
        Some(Batch { message, bytes })
    }

    fn message(
        &self,
        spans: Vec<Span>,
        starts: Vec<SpanStart>,
        sequence: BatchSequence,
        dropped: BTreeMap<DropReason, u64>,
    ) -> SpanBatch {
        SpanBatch {
            resource: self.settings.resource.clone(),
            scope: self.settings.scope.clone(),
            clock: Some(ClientClock {
                sent_at: Tick::now().wall(),
                offset_ns: None,
                offset_error_ns: None,
            }),
            sequence: Some(sequence),
            spans,
            starts,
            events: Vec::new(),
            dropped,
        }
    }

    /// Tells the collector that nothing more comes, and of the spans that will not end; as far as
    /// the time given to shut down allows.
    async fn say_goodbye(&mut self) {
        let Some(command) = self.stopping.take() else {
            return;
        };
        let left = command.deadline.saturating_duration_since(Instant::now());
        let (sequence, starts) = self.ledger.account(&self.queue, &[], true);
        // A process that began nothing has nobody to say goodbye to.
        if sequence.next > 0 && self.failures == 0 {
            let message = self.message(Vec::new(), starts, sequence, BTreeMap::new());
            let batch = Batch { message, bytes: 0 };
            if let Ok(body) = batch.encode() {
                let request = self.settings.client.clone().post(body);
                // Whoever waits for the end waits no longer than they said.
                let _ = tokio::time::timeout(left, request).await;
            }
        }
        let unsent = self.queue.stats().queued as u64;
        (command.done)(Flushed { unsent });
    }

    /// Spans taken from the queue whose fate is known.
    fn settled(&self) -> u64 {
        let open: usize = self.retry.iter().map(Batch::len).sum();
        self.taken.saturating_sub(open as u64)
    }

    /// Answers the flushes that are done or out of time.
    fn answer_flushes(&mut self) -> Result<(), Stop> {
        let settled = self.settled();
        let now = Instant::now();
        let mut stop = false;
        for waiting in std::mem::take(&mut self.flushes) {
            let unsent = waiting.target.saturating_sub(settled);
            if unsent > 0 && now < waiting.command.deadline {
                self.flushes.push(waiting);
                continue;
            }
            if waiting.command.stop {
                stop = true;
                self.queue.close();
                if self.stopping.is_none() {
                    self.stopping = Some(waiting.command);
                    continue;
                }
            }
            (waiting.command.done)(Flushed { unsent });
        }
        if stop { Err(Stop) } else { Ok(()) }
    }

    /// Counts what is left as lost.
    fn give_up(mut self) {
        self.queue.close();
        while let Some(batch) = self.next_batch() {
            self.drop_batch(&batch, DropReason::RetriesExhausted);
            if batch.len() == 0 {
                break;
            }
        }
        let stats = self.queue.stats();
        self.notice.warn_of_losses(&stats);
        for waiting in self.flushes {
            let unsent = stats.queued as u64;
            (waiting.command.done)(Flushed { unsent });
        }
    }
}
