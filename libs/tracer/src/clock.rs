//! The clock of spans: a monotonic clock plus an offset to the wall clock. The exporter corrects
//! the offset when the wall clock changes.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use throughline_wire::UnixNanos;

/// Unix time minus monotonic time, in ns.
static OFFSET_NS: AtomicI64 = AtomicI64::new(i64::MIN);
static ANCHOR: OnceLock<Instant> = OnceLock::new();

/// A monotonic time: nanoseconds since the first reading in this process. Differences are never
/// negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tick(i64);

impl Tick {
    pub(crate) fn now() -> Self {
        let elapsed = ANCHOR.get_or_init(Instant::now).elapsed();
        Self(i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX))
    }

    /// Returns the wall-clock time of this moment, with the offset of the last correction.
    pub(crate) fn wall(self) -> UnixNanos {
        let mut offset = OFFSET_NS.load(Ordering::Relaxed);
        if offset == i64::MIN {
            correct();
            offset = OFFSET_NS.load(Ordering::Relaxed);
        }
        UnixNanos::new(offset.saturating_add(self.0))
    }

    /// Returns the nanoseconds from `earlier` to this moment.
    pub(crate) const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Reads the wall clock again. After a clock step or a suspend, later spans have correct times, and
/// an open span keeps its true duration.
pub(crate) fn correct() {
    let wall = unix_ns(system_now());
    OFFSET_NS.store(wall.saturating_sub(Tick::now().0), Ordering::Relaxed);
}

/// Returns the nanoseconds since the epoch; 0 for times before it.
pub(crate) fn unix_ns(moment: SystemTime) -> i64 {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one reading of the wall clock: a tracer has nobody to be given it by"
)]
fn system_now() -> SystemTime {
    SystemTime::now()
}
