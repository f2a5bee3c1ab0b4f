//! Counts the spans that senders dropped, for `/metrics`. Each span counts once: a batch whose
//! response was lost comes again, either alone or with the drops since then.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use throughline_store::WriteOutcome;
use throughline_wire::{BatchSequence, DropReason, ProcessId};

/// The most processes whose drop counts are remembered, about 2 MiB. The drops of a forgotten
/// process may be counted again when it sends them again.
const PROCESSES: usize = 16_384;

type Counts = BTreeMap<DropReason, u64>;

/// The drops that processes reported since they started.
#[derive(Debug, Default)]
pub(super) struct Drops(Mutex<ProcessDrops>);

#[derive(Debug, Default)]
struct ProcessDrops {
    dropped: HashMap<ProcessId, Counts>,
    oldest_first: VecDeque<ProcessId>,
}

impl Drops {
    /// Counts the spans that a committed batch reports as `dropped` since the batch before it.
    pub(super) fn count(
        &self,
        dropped: Counts,
        sequence: Option<&BatchSequence>,
        outcome: &WriteOutcome,
    ) {
        let uncounted = match sequence {
            Some(sequence) => self.uncounted(dropped, sequence),
            // Without a sequence, only the spans show that a batch is a repetition.
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

    /// Returns the drops that were not counted before. If an earlier batch of the process is known,
    /// it compares the totals since the process started.
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
    fn repeated_drop_reports_are_counted_once() {
        let drops = Drops::default();
        // The first batch of the process that this server receives: five drops were before it.
        assert_eq!(drops.uncounted(full(2), &of(1, 7)), full(2));
        assert_eq!(drops.uncounted(full(2), &of(1, 7)), full(0));
        assert_eq!(drops.uncounted(full(3), &of(1, 8)), full(1));
        assert_eq!(drops.uncounted(full(2), &of(1, 7)), full(0));
        assert_eq!(drops.uncounted(full(4), &of(2, 4)), full(4));
        assert_eq!(drops.uncounted(Counts::new(), &of(3, 0)), Counts::new());
    }

    #[test]
    fn the_number_of_remembered_processes_is_limited() {
        let drops = Drops::default();
        for process in 1..=PROCESSES as i64 + 10 {
            drops.uncounted(full(1), &of(process, 1));
        }
        let known = drops.0.lock().expect("whole");
        assert_eq!(known.dropped.len(), PROCESSES);
        assert_eq!(known.oldest_first.len(), PROCESSES);
    }
}
