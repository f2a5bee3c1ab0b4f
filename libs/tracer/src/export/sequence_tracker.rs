//! Tracks which sequence numbers are sent, dropped or announced.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use throughline_wire::{BatchSequence, Span, SpanStart};

use super::Queue;
use crate::memory::attributes_bytes;
use crate::number_set::NumberSet;
use crate::numbers::SLOTS;

/// The maximum time between two batches of a process with announced open spans. The collector takes
/// such a process for dead after 30 s without a batch.
const HEARTBEAT: Duration = Duration::from_secs(8);
/// The maximum number of starts in one batch; further ones go with the next batch.
const STARTS: usize = 512;
/// The memory size of the starts of one batch, in bytes, above which no further one is added.
const STARTS_BYTES: usize = 1 << 20;
/// The maximum number of announced spans. Further ones are sent only when they end.
const MAX_ANNOUNCED: usize = SLOTS;
/// The number of past times in [`SequenceTracker::seen`], whatever `announce_after` is.
const PAST_TIMES: u32 = 64;

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
        sent.for_each(|number| self.done.insert(number));
        self.done.extend(numbers.take_dropped());
        self.announced
            .retain(|number| self.done.missing(*number, *number + 1).next().is_some());
        let next = numbers.next();
        self.grow_old(next);
        let old = if is_final { next } else { self.old };
        let starts = self.announce(queue, next, old);
        let sequence = BatchSequence {
            next,
            settled: if is_final { next } else { self.settled(next) },
            dropped: queue.stats().dropped,
            ended: is_final,
            ..BatchSequence::new(numbers.process())
        };
        (sequence, starts)
    }

    /// Returns the starts of open spans with a number below `old` that are not announced.
    fn announce(&mut self, queue: &Queue, next: u64, old: u64) -> Vec<SpanStart> {
        let (mut starts, mut bytes) = (Vec::new(), 0);
        // An older span cannot be found.
        let first = next.saturating_sub(SLOTS as u64);
        for number in self.done.missing(first, old) {
            if starts.len() == STARTS
                || bytes >= STARTS_BYTES
                || self.announced.len() == MAX_ANNOUNCED
            {
                break;
            }
            if !self.announced.contains(&number)
                && let Some(start) = queue.numbers.find(number)
            {
                self.announced.insert(number);
                bytes += attributes_bytes(&start.attributes);
                starts.push(start);
            }
        }
        starts
    }

    /// Returns the least number that is neither done nor announced.
    fn settled(&self, next: u64) -> u64 {
        self.done
            .missing(0, next)
            .find(|number| !self.announced.contains(number))
            .unwrap_or(next)
    }

    fn grow_old(&mut self, next: u64) {
        let now = Instant::now();
        let step = self.announce_after / PAST_TIMES;
        let last = self.seen.back();
        if last.is_none_or(|(when, _)| now.duration_since(*when) >= step) {
            self.seen.push_back((now, next));
        }
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
