//! A clock that stands where a test puts it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use throughline_wire::UnixNanos;

/// When tests happen unless they say otherwise: 2026-01-15T12:00:00Z.
pub const NOW: UnixNanos = UnixNanos::new(1_768_478_400_000_000_000);

/// A clock that moves only when told; clones share their time.
#[derive(Debug, Clone)]
pub struct FixedClock(Arc<AtomicI64>);

impl FixedClock {
    /// A clock that stands at `now`.
    pub fn at(now: UnixNanos) -> Self {
        Self(Arc::new(AtomicI64::new(now.get())))
    }

    /// The time.
    pub fn now(&self) -> UnixNanos {
        UnixNanos::new(self.0.load(Ordering::Relaxed))
    }

    /// Moves it on by `nanos`.
    pub fn advance(&self, nanos: i64) {
        self.0.fetch_add(nanos, Ordering::Relaxed);
    }
}

impl Default for FixedClock {
    fn default() -> Self {
        Self::at(NOW)
    }
}
