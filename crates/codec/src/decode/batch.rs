//! A batch before and after validation.

use std::collections::BTreeMap;

use throughline_wire::{
    BatchSequence, ClientClock, DropReason, InstrumentationScope, Limits, LogRecord, Rejection,
    Resource, Span, SpanBatch, SpanStart, UnixNanos,
};

use crate::context::{Decoded, Repairs};
use crate::validate::{
    RejectReason, validate, validate_log, validate_resource, validate_scope, validate_start,
};

/// A batch as it was read, before validation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DecodedBatch {
    /// Who sends.
    pub resource: Resource,
    /// What was repaired in it.
    pub resource_repairs: Repairs,
    /// The library that made these spans.
    pub scope: InstrumentationScope,
    /// What was repaired in it.
    pub scope_repairs: Repairs,
    /// What the sender knows of its clock.
    pub clock: Option<ClientClock>,
    /// The spans that could be read.
    pub spans: Vec<Decoded<Span>>,
    /// How many spans the sender dropped, by reason.
    pub dropped: BTreeMap<DropReason, u64>,
    /// The spans that could not be read.
    pub rejected: Vec<Rejection>,
    /// Their numbers, as far as those could be.
    pub rejected_sequences: Vec<u64>,
    /// Where the sender stands with its numbers.
    pub sequence: Option<BatchSequence>,
    /// The starts that could be read.
    pub starts: Vec<Decoded<SpanStart>>,
    /// The starts that could not be read.
    pub rejected_starts: Vec<Rejection>,
    /// The events that could be read.
    pub events: Vec<Decoded<LogRecord>>,
    /// The events that could not be read.
    pub rejected_events: Vec<Rejection>,
}

/// A batch that can be stored, and what was left out of it, by its place in the batch as it was
/// sent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ValidBatch {
    /// The items that can be stored.
    pub batch: SpanBatch,
    /// Of each span of `batch`, its place among the spans as sent.
    pub places: Vec<usize>,
    /// The spans that cannot be stored.
    pub rejected: Vec<Rejection>,
    /// Their numbers, as far as they are known.
    pub rejected_sequences: Vec<u64>,
    /// Of each start of `batch`, its place among the starts as sent.
    pub start_places: Vec<usize>,
    /// The starts that cannot be stored.
    pub rejected_starts: Vec<Rejection>,
    /// Of each event of `batch`, its place among the events as sent.
    pub event_places: Vec<usize>,
    /// The events that cannot be stored.
    pub rejected_events: Vec<Rejection>,
}

impl DecodedBatch {
    /// Validates every span, start and event, the resource and the scope.
    pub fn validate(self, limits: &Limits, now: UnixNanos) -> ValidBatch {
        let mut rejected = self.rejected;
        let mut rejected_sequences = self.rejected_sequences;
        let mut spans = Vec::with_capacity(self.spans.len());
        let mut places = Vec::with_capacity(self.spans.len());
        for span in self.spans {
            let (index, sequence) = (span.index, span.item.sequence);
            match validate(span.item, limits, now, span.repairs) {
                Ok(span) => {
                    spans.push(span);
                    places.push(index);
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
        let (events, event_places) = valid(
            "events",
            self.events,
            &mut rejected_events,
            |event, repairs| validate_log(event, limits, now, repairs),
        );
        let batch = SpanBatch {
            resource: validate_resource(self.resource, limits, self.resource_repairs),
            scope: validate_scope(self.scope, limits, self.scope_repairs),
            clock: self.clock,
            sequence: self.sequence,
            spans,
            starts,
            events,
            dropped: self.dropped,
        };
        ValidBatch {
            batch,
            places,
            rejected,
            rejected_sequences,
            start_places,
            rejected_starts,
            event_places,
            rejected_events,
        }
    }
}

/// Returns the items of the list `name` that are valid, and their places; the others join `rejected`, in order.
fn valid<T>(
    name: &str,
    items: Vec<Decoded<T>>,
    rejected: &mut Vec<Rejection>,
    validate: impl Fn(T, Repairs) -> Result<T, RejectReason>,
) -> (Vec<T>, Vec<usize>) {
    let mut valid = Vec::with_capacity(items.len());
    let mut places = Vec::with_capacity(items.len());
    for Decoded {
        index,
        item,
        repairs,
    } in items
    {
        match validate(item, repairs) {
            Ok(item) => {
                valid.push(item);
                places.push(index);
            }
            Err(reason) => rejected.push(Rejection {
                index,
                reason: format!("{name}[{index}].{reason}"),
            }),
        }
    }
    rejected.sort_by_key(|rejection| rejection.index);
    (valid, places)
}
