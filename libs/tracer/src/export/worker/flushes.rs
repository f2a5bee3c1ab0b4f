//! Completes flushes whose spans are sent or whose deadline has passed.

use std::time::Instant;

use super::{Stop, Worker};
use crate::export::batch::Batch;
use crate::export::flush::{Command, Flushed};

/// A flush that is not complete.
pub(super) struct Waiting {
    /// The number of spans that must be taken from the queue and settled.
    pub(super) target: u64,
    pub(super) command: Command,
}

/// The maximum number of flushes that wait. A further one is answered at once.
const MAX_WAITING: usize = 1_024;

impl Worker {
    /// Adds a flush to those that wait for the spans recorded so far.
    pub(super) fn accept(&mut self, command: Command) {
        let target = self.queue.accepted();
        if self.flushes.len() < MAX_WAITING || command.stop {
            self.flushes.push(Waiting { target, command });
        } else {
            let unsent = target.saturating_sub(self.settled());
            (command.done)(Flushed { unsent });
        }
    }

    /// Returns the number of spans taken from the queue that are acknowledged, rejected or lost.
    fn settled(&self) -> u64 {
        let open: usize = self.retry.iter().map(Batch::len).sum();
        self.taken.saturating_sub(open as u64)
    }

    /// Completes the flushes that are done or past their deadline.
    pub(super) fn answer_flushes(&mut self) -> Result<(), Stop> {
        let settled = self.settled();
        let now = Instant::now();
        let mut stop = false;
        for waiting in std::mem::take(&mut self.flushes) {
            let unsent = waiting.target.saturating_sub(settled);
            if unsent > 0 && now < waiting.command.deadline {
                self.flushes.push(waiting);
                continue;
            }
            if waiting.command.stop {
                stop = true;
                self.queue.close();
                if self.stopping.is_none() {
                    self.stopping = Some(waiting.command);
                    continue;
                }
            }
            (waiting.command.done)(Flushed { unsent });
        }
        if stop { Err(Stop) } else { Ok(()) }
    }
}
