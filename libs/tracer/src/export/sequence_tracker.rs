//! Tracks which sequence numbers are sent, dropped or announced.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use throughline_wire::{BatchSequence, Span, SpanStart};

use super::Queue;
use crate::numbers::NumberSet;

/// The maximum time between two batches of a process with announced open spans. The collector takes
/// such a process for dead after 30 s without a batch.
const HEARTBEAT: Duration = Duration::from_secs(8);
/// The maximum number of starts in one batch; further ones go with the next batch.
const STARTS: usize = 512;

/// The state of the sequence numbers that this process gave.
#[derive(Debug)]
pub(super) struct SequenceTracker {
    announce_after: Duration,
    /// Numbers of spans that were put into a batch or dropped.
    done: NumberSet,
    /// Numbers of spans whose start was put into a batch and that are not in `done`.
    announced: BTreeSet<u64>,
    /// The next number at past times. A number below an old entry that is not in `done` belongs to
    /// a long-running span.
    seen: VecDeque<(Instant, u64)>,
    /// All numbers below this one were given at least `announce_after` ago.
    old: u64,
    sent: Instant,
}

impl SequenceTracker {
    pub(super) fn new(announce_after: Duration) -> Self {
        Self {
            announce_after,
            done: NumberSet::default(),
            announced: BTreeSet::new(),
            seen: VecDeque::new(),
            old: 0,
            sent: Instant::now(),
        }
    }

    /// Adds a batch of `spans`. Returns the sequence state for the batch and the starts to send
    /// with it. The final report announces every open span and settles every number.
    pub(super) fn account(
        &mut self,
        queue: &Queue,
        spans: &[Span],
        is_final: bool,
    ) -> (BatchSequence, Vec<SpanStart>) {
        let numbers = &queue.numbers;
        let sent = spans.iter().filter_map(|span| span.sequence);
        for number in sent.chain(numbers.take_dropped()) {
            self.done.insert(number);
            self.announced.remove(&number);
        }
        let next = numbers.next();
        self.grow_old(next);
        let old = if is_final { next } else { self.old };
        let mut starts = Vec::new();
        for number in self.done.missing_below(old, self.announced.len() + STARTS) {
            if !self.announced.contains(&number)
                && let Some(start) = numbers.find(number)
            {
                self.announced.insert(number);
                starts.push(start);
            }
        }
        let sequence = BatchSequence {
            next,
            settled: if is_final { next } else { self.settled(next) },
            dropped: queue.stats().dropped,
            ended: is_final,
            ..BatchSequence::new(numbers.process())
        };
        (sequence, starts)
    }

    /// Returns the least number that is neither done nor announced.
    fn settled(&self, next: u64) -> u64 {
        let most = self.announced.len() + 1;
        let missing = self.done.missing_below(next, most);
        let open = missing
            .iter()
            .find(|number| !self.announced.contains(number));
        open.copied().unwrap_or(next)
    }

    fn grow_old(&mut self, next: u64) {
        let now = Instant::now();
        self.seen.push_back((now, next));
        while let Some((when, next)) = self.seen.front().copied()
            && now.duration_since(when) >= self.announce_after
        {
            self.old = next;
            self.seen.pop_front();
        }
    }

    /// Forgets starts that did not arrive, so that a later batch announces them again.
    pub(super) fn forget(&mut self, starts: &[SpanStart]) {
        for start in starts {
            if let Some(number) = start.sequence {
                self.announced.remove(&number);
            }
        }
    }

    /// Returns true if a batch must be sent although it would be empty.
    pub(super) fn is_heartbeat_due(&self) -> bool {
        !self.announced.is_empty() && self.sent.elapsed() >= HEARTBEAT
    }

    /// Records that a batch is sent now.
    pub(super) fn note_sent(&mut self) {
        self.sent = Instant::now();
    }
}
