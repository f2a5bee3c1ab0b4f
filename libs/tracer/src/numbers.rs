//! Numbers for the spans of this process, so that the collector can tell what is missing.
//!
//! What a span pays: one atomic addition and one store. Everything else the exporter's thread does.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use throughline_wire::{ProcessId, SpanStart};
use tracing::dispatcher::{Dispatch, WeakDispatch};
use tracing::span;
use tracing_subscriber::Registry;
use tracing_subscriber::registry::LookupSpan as _;

use crate::ids;
use crate::layer::Active;

/// Of so many spans, the latest, the exporter can find one that is open. A span that is still
/// open when as many others have begun without the exporter having looked is not announced; it
/// is counted when it ends all the same.
const SLOTS: usize = 1 << 14;

/// Gives numbers, and remembers where the spans are that have them.
pub(crate) struct Numbers {
    process: ProcessId,
    next: AtomicU64,
    /// The `tracing` id of the span whose number falls here; zero when it has none.
    slots: Box<[AtomicU64]>,
    /// Where the spans live: the subscriber the layer is part of.
    home: Mutex<Option<WeakDispatch>>,
    /// Numbers of spans that never entered the queue.
    dropped: Mutex<Vec<u64>>,
}

impl fmt::Debug for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Numbers")
            .field("process", &self.process)
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

impl Numbers {
    pub(crate) fn new() -> Self {
        Self {
            process: ids::process_id(),
            next: AtomicU64::new(0),
            slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
            home: Mutex::new(None),
            dropped: Mutex::new(Vec::new()),
        }
    }

    pub(crate) const fn process(&self) -> ProcessId {
        self.process
    }

    /// The number of a span that begins now, and that `tracing` calls `id`.
    pub(crate) fn begin(&self, id: &span::Id) -> u64 {
        let number = self.single();
        self.slot(number).store(id.into_u64(), Ordering::Relaxed);
        number
    }

    /// The number of a span that is over when it is made.
    pub(crate) fn single(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// The next number.
    pub(crate) fn next(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    /// Notes the number of a span that is dropped before anyone else sees it.
    pub(crate) fn drop_one(&self, number: Option<u64>) {
        lock(&self.dropped).extend(number);
    }

    /// The numbers noted since the last call.
    pub(crate) fn take_dropped(&self) -> Vec<u64> {
        std::mem::take(&mut lock(&self.dropped))
    }

    /// Spans live in this subscriber.
    pub(crate) fn live_in(&self, dispatch: &Dispatch) {
        *lock(&self.home) = Some(dispatch.downgrade());
    }

    /// What is known of the open span that has `number`; none when it cannot be found.
    pub(crate) fn find(&self, number: u64) -> Option<SpanStart> {
        let id = self.slot(number).load(Ordering::Relaxed);
        let home = lock(&self.home).as_ref()?.upgrade()?;
        let registry = home.downcast_ref::<Registry>()?;
        if id == 0 {
            return None;
        }
        let span = registry.span(&span::Id::from_u64(id))?;
        let extensions = span.extensions();
        let begun = &extensions.get::<Active>()?.recording.as_ref()?.span;
        // The slot may be another span's by now.
        (begun.sequence == Some(number)).then(|| SpanStart::of(begun))
    }

    fn slot(&self, number: u64) -> &AtomicU64 {
        &self.slots[number as usize % SLOTS]
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Numbers as ranges: `start -> end`, exclusive, not touching each other.
#[derive(Debug, Default)]
pub(crate) struct NumberSet(BTreeMap<u64, u64>);

impl NumberSet {
    pub(crate) fn insert(&mut self, number: u64) {
        let before = self.0.range(..=number).next_back().map(|(s, e)| (*s, *e));
        let mut start = number;
        if let Some((known, end)) = before {
            if number < end {
                return;
            }
            if number == end {
                start = known;
            }
        }
        let end = self.0.remove(&(number + 1)).unwrap_or(number + 1);
        self.0.insert(start, end);
    }

    /// The numbers below `end` that are not in it, the least `most` of them.
    pub(crate) fn missing_below(&self, end: u64, most: usize) -> Vec<u64> {
        let mut missing = Vec::new();
        let mut at = 0;
        for (&start, &stop) in &self.0 {
            missing.extend((at..start.min(end)).take(most - missing.len()));
            at = stop;
            if at >= end || missing.len() == most {
                return missing;
            }
        }
        missing.extend((at..end).take(most - missing.len()));
        missing
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_set_of_ranges_is_a_set(numbers in proptest::collection::vec(0_u64..40, 0..60), end in 0_u64..50) {
            let mut set = NumberSet::default();
            for number in &numbers {
                set.insert(*number);
            }
            let plain: BTreeSet<u64> = numbers.into_iter().collect();
            let missing: Vec<u64> = (0..end).filter(|number| !plain.contains(number)).collect();
            prop_assert_eq!(set.missing_below(end, 100), &missing[..]);
            prop_assert_eq!(set.missing_below(end, 3), &missing[..missing.len().min(3)]);
        }
    }
}
