//! Waiting until what was recorded has left.

use std::time::Instant;

/// How a flush ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flushed {
    /// Spans recorded before the flush that had neither been acknowledged nor refused when its
    /// time was up; zero when all went well.
    pub unsent: u64,
}

impl Flushed {
    /// Whether nothing was left behind.
    pub const fn is_complete(self) -> bool {
        self.unsent == 0
    }
}

/// What the handle asks of the worker.
pub(crate) struct Command {
    /// When to give up.
    pub(crate) deadline: Instant,
    /// Whether the worker ends then.
    pub(crate) stop: bool,
    /// Takes the outcome.
    pub(crate) done: Box<dyn FnOnce(Flushed) + Send>,
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Command")
            .field("deadline", &self.deadline)
            .field("stop", &self.stop)
            .finish_non_exhaustive()
    }
}
