//! The command that flushes the queue, and its result.

use std::time::Instant;

/// The result of a flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flushed {
    /// The number of spans recorded before the flush that were neither acknowledged nor rejected
    /// before the timeout. Zero on success.
    pub unsent: u64,
}

impl Flushed {
    /// Returns true if all spans were sent.
    pub const fn is_complete(self) -> bool {
        self.unsent == 0
    }
}

/// A command from the handle to the worker.
pub(crate) struct Command {
    /// The time to give up.
    pub(crate) deadline: Instant,
    /// True if the worker ends after the flush.
    pub(crate) stop: bool,
    /// The callback for the result.
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
