//! The one place that reads the wall clock.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use throughline_wire::UnixNanos;

/// Tells the time; a parameter so that tests can fix it.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> UnixNanos + Send + Sync>);

impl Clock {
    /// The clock that asks `now`.
    pub fn new(now: impl Fn() -> UnixNanos + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The clock of the machine.
    pub fn system() -> Self {
        Self::new(|| {
            #[expect(
                clippy::disallowed_methods,
                reason = "every clock but this one is a parameter"
            )]
            let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            let nanos = since_epoch.map_or(0, |elapsed| elapsed.as_nanos());
            UnixNanos::new(i64::try_from(nanos).unwrap_or(i64::MAX))
        })
    }

    /// The present instant.
    pub fn now(&self) -> UnixNanos {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}
