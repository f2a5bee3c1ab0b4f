//! What senders had to drop, for `/metrics`: each span once, though a batch that was committed and
//! whose answer was lost comes again, alone or with what was dropped since.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use throughline_store::WriteOutcome;
use throughline_wire::{BatchSequence, DropReason, ProcessId};

/// Of so many processes it is remembered what they dropped; one that is forgotten may count what it
/// sends again once more. About 2 MiB.
const PROCESSES: usize = 16_384;

type Counts = BTreeMap<DropReason, u64>;

/// What processes said they dropped since they started.
#[derive(Debug, Default)]
pub(super) struct Drops(Mutex<ProcessDrops>);

#[derive(Debug, Default)]
struct ProcessDrops {
    dropped: HashMap<ProcessId, Counts>,
    oldest_first: VecDeque<ProcessId>,
}

impl Drops {
    /// Counts what a batch that is committed says was `dropped` since the one before.
    pub(super) fn count(
        &self,
        dropped: Counts,
        sequence: Option<&BatchSequence>,
        outcome: &WriteOutcome,
    ) {
        let uncounted = match sequence {
            Some(sequence) => self.uncounted(dropped, sequence),
            // Of who does not number it can be told only by its spans.
            None if outcome.received == 0 && outcome.duplicate > 0 => Counts::new(),
            None => dropped,
        };
        for (reason, spans) in uncounted {
            metrics::counter!(
                "throughline_client_dropped_spans_total",
                "reason" => reason.as_str()
            )
            .increment(spans);
        }
    }

    /// What was not counted of before: by the counts since the process started, where those of an
    /// earlier batch are known.
    fn uncounted(&self, dropped: Counts, sequence: &BatchSequence) -> Counts {
        if dropped.is_empty() && sequence.dropped.is_empty() {
            return dropped;
        }
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(counted) = known.dropped.get_mut(&sequence.process) else {
            known.remember(sequence);
            return dropped;
        };
        let mut uncounted = Counts::new();
        for (&reason, &count) in &sequence.dropped {
            let before = counted.entry(reason).or_default();
            uncounted.insert(reason, count.saturating_sub(*before));
            *before = count.max(*before);
        }
        uncounted
    }
}

impl ProcessDrops {
    fn remember(&mut self, sequence: &BatchSequence) {
        self.dropped
            .insert(sequence.process, sequence.dropped.clone());
        self.oldest_first.push_back(sequence.process);
        if self.oldest_first.len() > PROCESSES
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.dropped.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(process: i64, total: u64) -> BatchSequence {
        let process = ProcessId::from_i64(process).expect("is not zero");
        BatchSequence {
            dropped: full(total),
            ..BatchSequence::new(process)
        }
    }

    fn full(count: u64) -> Counts {
        [(DropReason::QueueFull, count)].into()
    }

    #[test]
    fn what_is_told_again_is_not_counted_again_alone_or_with_more() {
        let drops = Drops::default();
        // The first one this server hears of the process: it dropped five before.
        assert_eq!(drops.uncounted(full(2), &of(1, 7)), full(2));
        assert_eq!(drops.uncounted(full(2), &of(1, 7)), full(0));
        assert_eq!(drops.uncounted(full(3), &of(1, 8)), full(1));
        assert_eq!(drops.uncounted(full(2), &of(1, 7)), full(0));
        assert_eq!(drops.uncounted(full(4), &of(2, 4)), full(4));
        assert_eq!(drops.uncounted(Counts::new(), &of(3, 0)), Counts::new());
    }

    #[test]
    fn no_more_processes_are_remembered_than_the_limit() {
        let drops = Drops::default();
        for process in 1..=PROCESSES as i64 + 10 {
            drops.uncounted(full(1), &of(process, 1));
        }
        let known = drops.0.lock().expect("whole");
        assert_eq!(known.dropped.len(), PROCESSES);
        assert_eq!(known.oldest_first.len(), PROCESSES);
    }
}
