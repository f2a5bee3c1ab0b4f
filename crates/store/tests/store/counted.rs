//! A metrics recorder for tests that records one counter of their thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

/// A recorder of the counter with this name. It ignores all others.
pub(crate) struct CountedMetric {
    name: &'static str,
    count: Arc<AtomicU64>,
}

impl CountedMetric {
    pub(crate) fn new(name: &'static str) -> Self {
        Self {
            name,
            count: Arc::default(),
        }
    }

    /// Counts reports of damaged blocks.
    pub(crate) fn corrupt_blocks() -> Self {
        Self::new("throughline_store_corrupt_blocks_total")
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }
}

impl Recorder for CountedMetric {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        if key.name() == self.name {
            Counter::from_arc(Arc::clone(&self.count))
        } else {
            Counter::noop()
        }
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}
