//! Spans that are sent together.

use std::collections::BTreeMap;

use bytes::Bytes;
use throughline_wire::SpanBatch;

use super::queue::memory_bytes;

/// One message to the collector.
#[derive(Debug)]
pub(super) struct Batch {
    /// The message; its `dropped` are the losses it reports.
    pub(super) message: SpanBatch,
    /// What its spans weigh in the queue.
    pub(super) bytes: usize,
}

impl Batch {
    pub(super) fn len(&self) -> usize {
        self.message.spans.len()
    }

    /// As the body of a request.
    pub(super) fn encode(&self) -> Result<Bytes, serde_json::Error> {
        serde_json::to_vec(&self.message).map(Bytes::from)
    }

    /// In two halves; the first reports the losses.
    pub(super) fn split(mut self) -> (Self, Self) {
        let sequence = self.message.sequence.clone();
        if let Some(sequence) = &mut self.message.sequence {
            // The second half is not there yet.
            sequence.settled = 0;
        }
        let spans = self.message.spans.split_off(self.len() / 2);
        let bytes = spans.iter().map(memory_bytes).sum();
        self.bytes = self.bytes.saturating_sub(bytes);
        let second = Self {
            message: SpanBatch {
                spans,
                dropped: BTreeMap::new(),
                resource: self.message.resource.clone(),
                scope: self.message.scope.clone(),
                clock: self.message.clock,
                sequence,
                starts: Vec::new(),
                events: Vec::new(),
            },
            bytes,
        };
        (self, second)
    }
}
