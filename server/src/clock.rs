//! The clock: the one place that reads the system time.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use throughline_wire::UnixNanos;

/// A source of the current time. It is a parameter, so that tests can fix the time.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> UnixNanos + Send + Sync>);

impl Clock {
    /// Creates a clock that calls `now`.
    pub fn new(now: impl Fn() -> UnixNanos + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Returns the system clock.
    pub fn system() -> Self {
        Self::new(|| {
            #[expect(
                clippy::disallowed_methods,
                reason = "this is the system clock; other code gets a clock as a parameter"
            )]
            let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            let nanos = since_epoch.map_or(0, |elapsed| elapsed.as_nanos());
            UnixNanos::new(i64::try_from(nanos).unwrap_or(i64::MAX))
        })
    }

    /// Returns the current time.
    pub fn now(&self) -> UnixNanos {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
