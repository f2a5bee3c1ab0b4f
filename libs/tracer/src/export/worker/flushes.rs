//! Flushes that wait for their spans to be sent.

use std::time::Instant;

use super::{Stop, Worker};
use crate::export::batch::Batch;
use crate::export::flush::{Command, Flushed};

/// A flush that has not been answered.
pub(super) struct Waiting {
    /// How many spans must have been taken from the queue and settled.
    pub(super) target: u64,
    pub(super) command: Command,
}

impl Worker {
    /// Spans taken from the queue whose fate is known.
    fn settled(&self) -> u64 {
        let open: usize = self.retry.iter().map(Batch::len).sum();
        self.taken.saturating_sub(open as u64)
    }

    /// Answers the flushes that are done or out of time.
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
