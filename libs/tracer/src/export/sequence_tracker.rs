//! Which numbers are accounted for: sent, dropped, or told to be open.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use throughline_wire::{BatchSequence, Span, SpanStart};

use super::Queue;
use crate::numbers::NumberSet;

/// A process with spans that are told to be open says something at least this often: the
/// collector takes one that is silent for 30 s for dead.
const HEARTBEAT: Duration = Duration::from_secs(8);
/// Starts in one batch; more go with the next.
const STARTS: usize = 512;

/// The exporter's account of the numbers given.
#[derive(Debug)]
pub(super) struct SequenceTracker {
    announce_after: Duration,
    /// Numbers of spans that were put into a batch or dropped.
    done: NumberSet,
    /// Numbers of spans whose start was put into a batch, and that are not done.
    told: BTreeSet<u64>,
    /// Which number was next, when: what is below an old one and not done is open for long.
    seen: VecDeque<(Instant, u64)>,
    /// Every number below this had been given `announce_after` ago.
    old: u64,
    sent: Instant,
}

impl SequenceTracker {
    pub(super) fn new(announce_after: Duration) -> Self {
        Self {
            announce_after,
            done: NumberSet::default(),
            told: BTreeSet::new(),
            seen: VecDeque::new(),
            old: 0,
            sent: Instant::now(),
        }
    }

    /// Accounts for a batch of `spans`: where the process stands then, and the starts to go with
    /// it. A goodbye tells of every open span and settles every number.
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
            self.told.remove(&number);
        }
        let next = numbers.next();
        self.grow_old(next);
        let old = if is_final { next } else { self.old };
        let mut starts = Vec::new();
        for number in self.done.missing_below(old, self.told.len() + STARTS) {
            if !self.told.contains(&number)
                && let Some(start) = numbers.find(number)
            {
                self.told.insert(number);
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

    /// The least number that is neither done nor told.
    fn settled(&self, next: u64) -> u64 {
        let most = self.told.len() + 1;
        let missing = self.done.missing_below(next, most);
        let open = missing.iter().find(|number| !self.told.contains(number));
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

    /// The starts did not arrive: they are told again.
    pub(super) fn forget(&mut self, starts: &[SpanStart]) {
        for start in starts {
            if let Some(number) = start.sequence {
                self.told.remove(&number);
            }
        }
    }

    /// Whether a batch is due although there is nothing to put into it.
    pub(super) fn is_heartbeat_due(&self) -> bool {
        !self.told.is_empty() && self.sent.elapsed() >= HEARTBEAT
    }

    /// A batch leaves now.
    pub(super) fn note_sent(&mut self) {
        self.sent = Instant::now();
    }
}
