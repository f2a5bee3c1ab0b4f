//! Builds the next message of the worker.

use std::collections::BTreeMap;

use throughline_wire::{BatchSequence, ClientClock, DropReason, Span, SpanBatch, SpanStart};

use super::Worker;
use crate::clock::Tick;
use crate::export::batch::Batch;

impl Worker {
    /// The memory size of spans, in bytes, at which a batch is full.
    const BATCH_BYTES: usize = 2 << 20;

    /// Returns the next batch: first a batch to retry, then new spans, then a report without spans.
    pub(super) fn next_batch(&mut self) -> Option<Batch> {
        if let Some(batch) = self.retry.pop_front() {
            return Some(batch);
        }
        let mut spans = Vec::new();
        let mut bytes = 0;
        while spans.len() < self.queue.limits().batch && bytes < Self::BATCH_BYTES {
            let Ok(queued) = self.spans.try_recv() else {
                break;
            };
            bytes += queued.bytes;
            spans.push(*queued.span);
        }
        self.taken += spans.len() as u64;
        let dropped = self.queue.take_unreported();
        let (sequence, starts) = self.tracker.account(&self.queue, &spans, false);
        let nothing = spans.is_empty() && dropped.is_empty() && starts.is_empty();
        if nothing && !self.tracker.is_heartbeat_due() {
            return None;
        }
        self.tracker.note_sent();
        let message = self.message(spans, starts, sequence, dropped);
        Some(Batch { message, bytes })
    }

    pub(super) fn message(
        &self,
        spans: Vec<Span>,
        starts: Vec<SpanStart>,
        sequence: BatchSequence,
        dropped: BTreeMap<DropReason, u64>,
    ) -> SpanBatch {
        SpanBatch {
            resource: self.settings.resource.clone(),
            scope: self.settings.scope.clone(),
            clock: Some(ClientClock {
                sent_at: Tick::now().wall(),
                offset_ns: None,
                offset_error_ns: None,
            }),
            sequence: Some(sequence),
            spans,
            starts,
            events: Vec::new(),
            dropped,
        }
    }
}
