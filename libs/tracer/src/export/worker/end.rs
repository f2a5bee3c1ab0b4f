//! How the worker ends: it says is_final, and counts what it could not send.

use std::collections::BTreeMap;
use std::time::Instant;

use throughline_wire::DropReason;

use super::Worker;
use crate::export::batch::Batch;
use crate::export::flush::Flushed;

impl Worker {
    /// Tells the collector that nothing more comes, and of the spans that will not end; as far as
    /// the time given to shut down allows.
    pub(super) async fn send_final_report(&mut self) {
        let Some(command) = self.stopping.take() else {
            return;
        };
        let left = command.deadline.saturating_duration_since(Instant::now());
        let (sequence, starts) = self.tracker.account(&self.queue, &[], true);
        // A process that began nothing has nobody to say goodbye to.
        if sequence.next > 0 && self.failures == 0 {
            let message = self.message(Vec::new(), starts, sequence, BTreeMap::new());
            let batch = Batch { message, bytes: 0 };
            if let Ok(body) = batch.encode() {
                let request = self.settings.client.clone().post(body);
                // Whoever waits for the end waits no longer than they said.
                let _ = tokio::time::timeout(left, request).await;
            }
        }
        let unsent = self.queue.stats().queued as u64;
        (command.done)(Flushed { unsent });
    }

    /// Counts what is left as lost.
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
