//! A batch of spans that are sent together.

use std::collections::BTreeMap;

use bytes::Bytes;
use throughline_wire::SpanBatch;

use crate::memory::span_bytes;

/// One message to the collector.
#[derive(Debug)]
pub(super) struct Batch {
    /// The message. Its `dropped` reports the lost spans.
    pub(super) message: SpanBatch,
    /// The memory size of its spans in the queue, in bytes.
    pub(super) bytes: usize,
}

impl Batch {
    pub(super) fn len(&self) -> usize {
        self.message.spans.len()
    }

    /// Returns the body of the request.
    pub(super) fn encode(&self) -> Result<Bytes, serde_json::Error> {
        serde_json::to_vec(&self.message).map(Bytes::from)
    }

    /// Splits the batch into two halves. The first half reports the lost spans.
    pub(super) fn split(mut self) -> (Self, Self) {
        let sequence = self.message.sequence.clone();
        if let Some(sequence) = &mut self.message.sequence {
            // The second half has not arrived yet, so the first must not settle its numbers.
            sequence.settled = 0;
        }
        let spans = self.message.spans.split_off(self.len() / 2);
        let bytes = spans.iter().map(span_bytes).sum();
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
