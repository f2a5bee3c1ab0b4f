//! The sequence numbers of this process's spans, with which the collector detects missing spans.
//!
//! A span costs one atomic addition and one store. The export thread does the rest.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use throughline_wire::{ProcessId, SpanStart};
use tracing::dispatcher::{Dispatch, WeakDispatch};
use tracing::span;
use tracing_subscriber::Registry;
use tracing_subscriber::registry::LookupSpan as _;

use crate::active::Active;
use crate::ids;
use crate::number_set::NumberSet;

/// The number of latest spans among which the exporter can find an open one. If this many spans
/// start before the exporter looks, an older open span is not announced; it is still counted when
/// it ends.
pub(crate) const SLOTS: usize = 1 << 14;

/// Gives sequence numbers and finds open spans by number.
pub(crate) struct Numbers {
    process: ProcessId,
    next: AtomicU64,
    /// The `tracing` id of the span at index `number % SLOTS`; zero if there is none.
    slots: Box<[AtomicU64]>,
    /// The subscriber of the layer, which holds the spans.
    home: Mutex<Option<WeakDispatch>>,
    /// Numbers of spans that never entered the queue.
    dropped: Mutex<NumberSet>,
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
            dropped: Mutex::new(NumberSet::default()),
        }
    }

    pub(crate) const fn process(&self) -> ProcessId {
        self.process
    }

    /// Returns the number of a span that starts now with the `tracing` id `id`.
    pub(crate) fn begin(&self, id: &span::Id) -> u64 {
        let number = self.single();
        self.slot(number).store(id.into_u64(), Ordering::Relaxed);
        number
    }

    /// Returns the number of a span that has already ended when it is created.
    pub(crate) fn single(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Returns the next number.
    pub(crate) fn next(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    /// Records the number of a span that is dropped before it enters the queue.
    pub(crate) fn drop_one(&self, number: Option<u64>) {
        if let Some(number) = number {
            lock(&self.dropped).insert(number);
        }
    }

    /// Returns the numbers recorded since the last call.
    pub(crate) fn take_dropped(&self) -> NumberSet {
        std::mem::take(&mut lock(&self.dropped))
    }

    /// Sets the subscriber that holds the spans.
    pub(crate) fn live_in(&self, dispatch: &Dispatch) {
        *lock(&self.home) = Some(dispatch.downgrade());
    }

    /// Returns the start of the open span with this number; `None` if it cannot be found.
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
        // A later span may have overwritten the slot.
        (begun.sequence == Some(number)).then(|| SpanStart::of(begun))
    }

    fn slot(&self, number: u64) -> &AtomicU64 {
        &self.slots[number as usize % SLOTS]
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
