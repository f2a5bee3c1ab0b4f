//! A clock that a test sets.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use throughline_wire::UnixNanos;

/// The default time of tests: 2026-01-15T12:00:00Z.
pub const NOW: UnixNanos = UnixNanos::new(1_768_478_400_000_000_000);

/// A clock that moves only when a test advances it. Clones share the time.
#[derive(Debug, Clone)]
pub struct FixedClock(Arc<AtomicI64>);

impl FixedClock {
    /// Returns a clock set to `now`.
    pub fn at(now: UnixNanos) -> Self {
        Self(Arc::new(AtomicI64::new(now.get())))
    }

    /// Returns the current time of the clock.
    pub fn now(&self) -> UnixNanos {
        UnixNanos::new(self.0.load(Ordering::Relaxed))
    }

    /// Advances the clock by `nanos` ns.
    pub fn advance(&self, nanos: i64) {
        self.0.fetch_add(nanos, Ordering::Relaxed);
    }
}

impl Default for FixedClock {
    fn default() -> Self {
        Self::at(NOW)
    }
}
