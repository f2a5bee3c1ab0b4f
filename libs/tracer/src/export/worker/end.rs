//! Ends the worker: sends the final report and counts unsent spans.

use std::collections::BTreeMap;
use std::time::Instant;

use throughline_wire::DropReason;

use super::Worker;
use crate::export::batch::Batch;
use crate::export::flush::Flushed;

impl Worker {
    /// Sends the final report: no more spans follow, and the open spans will not end. Stops at the
    /// deadline of the shutdown.
    pub(super) async fn send_final_report(&mut self) {
        let Some(command) = self.stopping.take() else {
            return;
        };
        let left = command.deadline.saturating_duration_since(Instant::now());
        let (sequence, starts) = self.tracker.account(&self.queue, &[], true);
        // A process that started no span needs no final report.
        if sequence.next > 0 && self.failures == 0 {
            let message = self.message(Vec::new(), starts, sequence, BTreeMap::new());
            let batch = Batch { message, bytes: 0 };
            if let Ok(body) = batch.encode() {
                let request = self.settings.client.clone().post(body);
                // A failure is ignored: the caller waits no longer than its timeout.
                let _ = tokio::time::timeout(left, request).await;
            }
        }
        let unsent = self.queue.stats().queued as u64;
        (command.done)(Flushed { unsent });
    }

    /// Counts all unsent spans as lost.
    pub(super) fn give_up(mut self) {
        self.queue.close();
        while let Some(batch) = self.next_batch() {
            self.drop_batch(&batch, DropReason::RetriesExhausted);
            if batch.len() == 0 {
                break;
            }
        }
        let stats = self.queue.stats();
        self.notice.warn_of_losses(&stats);
        for waiting in self.flushes {
            let unsent = stats.queued as u64;
            (waiting.command.done)(Flushed { unsent });
        }
    }
}
