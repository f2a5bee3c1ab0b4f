//! A batch before and after validation.

use std::collections::BTreeMap;

use throughline_wire::{
    BatchSequence, ClientClock, DropReason, InstrumentationScope, Limits, LogRecord, Rejection,
    Resource, Span, SpanBatch, SpanStart, UnixNanos,
};

use crate::budget::PartBudget;
use crate::context::{Decoded, Repairs};
use crate::validate::{
    RejectReason, validate, validate_log, validate_resource, validate_scope, validate_start,
};

/// A decoded batch, before validation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DecodedBatch {
    /// The process that sent the batch.
    pub resource: Resource,
    /// The repairs made in the resource.
    pub resource_repairs: Repairs,
    /// The instrumentation library that created the spans.
    pub scope: InstrumentationScope,
    /// The repairs made in the scope.
    pub scope_repairs: Repairs,
    /// The sender's clock, if the sender reports it.
    pub clock: Option<ClientClock>,
    /// The decoded spans.
    pub spans: Vec<Decoded<Span>>,
    /// The number of spans the sender dropped, by reason.
    pub dropped: BTreeMap<DropReason, u64>,
    /// The spans that could not be decoded.
    pub rejected: Vec<Rejection>,
    /// The sequence numbers of rejected spans, as far as they could be decoded.
    pub rejected_sequences: Vec<u64>,
    /// The sequence numbers of the sender, if it numbers its spans.
    pub sequence: Option<BatchSequence>,
    /// The decoded starts.
    pub starts: Vec<Decoded<SpanStart>>,
    /// The starts that could not be decoded.
    pub rejected_starts: Vec<Rejection>,
    /// The decoded events.
    pub events: Vec<Decoded<LogRecord>>,
    /// The events that could not be decoded.
    pub rejected_events: Vec<Rejection>,
}

/// A batch ready to be stored, and the rejected items with their indexes in the batch as sent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ValidBatch {
    /// The valid items.
    pub batch: SpanBatch,
    /// The index of each span of `batch` among the spans as sent.
    pub indexes: Vec<usize>,
    /// The rejected spans.
    pub rejected: Vec<Rejection>,
    /// The sequence numbers of rejected spans, as far as they are known.
    pub rejected_sequences: Vec<u64>,
    /// The index of each start of `batch` among the starts as sent.
    pub start_places: Vec<usize>,
    /// The rejected starts.
    pub rejected_starts: Vec<Rejection>,
    /// The index of each event of `batch` among the events as sent.
    pub event_indexes: Vec<usize>,
    /// The rejected events.
    pub rejected_events: Vec<Rejection>,
}

impl DecodedBatch {
    /// Validates every span, start and event, the resource and the scope.
    pub fn validate(self, limits: &Limits, now: UnixNanos) -> ValidBatch {
        let mut rejected = self.rejected;
        let mut rejected_sequences = self.rejected_sequences;
        let mut spans = Vec::with_capacity(self.spans.len());
        let mut indexes = Vec::with_capacity(self.spans.len());
        for span in self.spans {
            let (index, sequence) = (span.index, span.item.sequence);
            match validate(span.item, limits, now, span.repairs) {
                Ok(span) => {
                    spans.push(span);
                    indexes.push(index);
                }
                Err(reason) => {
                    rejected_sequences.extend(sequence);
                    rejected.push(Rejection {
                        index,
                        reason: reason.to_string(),
                    });
                }
            }
        }
        rejected.sort_by_key(|rejection| rejection.index);
        let mut rejected_starts = self.rejected_starts;
        let (starts, start_places) = valid(
            "starts",
            self.starts,
            &mut rejected_starts,
            |start, repairs| validate_start(start, limits, now, repairs),
        );
        let mut rejected_events = self.rejected_events;
        let (events, event_indexes) = valid(
            "events",
            self.events,
            &mut rejected_events,
            |event, repairs| validate_log(event, limits, now, repairs),
        );
        let mut parts = PartBudget::for_request();
        let batch = SpanBatch {
            resource: validate_resource(self.resource, limits, self.resource_repairs, &mut parts),
            scope: validate_scope(self.scope, limits, self.scope_repairs, &mut parts),
            clock: self.clock,
            sequence: self.sequence,
            spans,
            starts,
            events,
            dropped: self.dropped,
        };
        ValidBatch {
            batch,
            indexes,
            rejected,
            rejected_sequences,
            start_places,
            rejected_starts,
            event_indexes,
            rejected_events,
        }
    }
}

/// Returns the valid items of the list `name` with their indexes. Adds the others to `rejected`, in
/// order.
fn valid<T>(
    name: &str,
    items: Vec<Decoded<T>>,
    rejected: &mut Vec<Rejection>,
    validate: impl Fn(T, Repairs) -> Result<T, RejectReason>,
) -> (Vec<T>, Vec<usize>) {
    let mut valid = Vec::with_capacity(items.len());
    let mut indexes = Vec::with_capacity(items.len());
    for Decoded {
        index,
        item,
        repairs,
    } in items
    {
        match validate(item, repairs) {
            Ok(item) => {
                valid.push(item);
                indexes.push(index);
            }
            Err(reason) => rejected.push(Rejection {
                index,
                reason: format!("{name}[{index}].{reason}"),
            }),
        }
    }
    rejected.sort_by_key(|rejection| rejection.index);
    (valid, indexes)
}
