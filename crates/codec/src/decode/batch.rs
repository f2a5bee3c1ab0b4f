//! A batch as it was read, and as it is once it is valid.

use std::collections::BTreeMap;

use throughline_wire::{
    BatchSequence, ClientClock, DropReason, InstrumentationScope, Limits, LogRecord, Marks,
    Rejection, Resource, Span, SpanBatch, SpanStart, UnixNanos,
};

use crate::validate::{
    RejectReason, validate, validate_log, validate_resource, validate_scope, validate_start,
};

/// A batch as it was read, before validation.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DecodedBatch {
    /// Who sends.
    pub resource: Resource,
    /// What was repaired in it.
    pub resource_marks: Marks,
    /// The library that made these spans.
    pub scope: InstrumentationScope,
    /// What was repaired in it.
    pub scope_marks: Marks,
    /// What the sender knows of its clock.
    pub clock: Option<ClientClock>,
    /// The spans that could be read.
    pub spans: Vec<DecodedSpan>,
    /// How many spans the sender dropped, by reason.
    pub dropped: BTreeMap<DropReason, u64>,
    /// The spans that could not be read.
    pub rejected: Vec<Rejection>,
    /// Their numbers, as far as those could be.
    pub rejected_sequences: Vec<u64>,
    /// Where the sender stands with its numbers.
    pub sequence: Option<BatchSequence>,
    /// The starts that could be read.
    pub starts: Vec<Placed<SpanStart>>,
    /// The starts that could not be read.
    pub rejected_starts: Vec<Rejection>,
    /// The events that could be read.
    pub events: Vec<Placed<LogRecord>>,
    /// The events that could not be read.
    pub rejected_events: Vec<Rejection>,
}

/// A part of a batch as it was read: its place in its list, from 0, and what was repaired in it.
pub type Placed<T> = (usize, T, Marks);

/// A batch that can be stored, and what was left out of it, by its place in the batch as it was
/// sent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ValidBatch {
    /// What can be stored.
    pub batch: SpanBatch,
    /// The spans that cannot.
    pub rejected: Vec<Rejection>,
    /// Their numbers, as far as they are known.
    pub rejected_sequences: Vec<u64>,
    /// The starts that cannot.
    pub rejected_starts: Vec<Rejection>,
    /// The events that cannot.
    pub rejected_events: Vec<Rejection>,
}

/// A span as it was read, before validation.
#[derive(Debug, Clone, PartialEq)]
pub struct DecodedSpan {
    /// Its place in the batch, from 0.
    pub index: usize,
    /// The span.
    pub span: Span,
    /// What was repaired in it.
    pub marks: Marks,
}

impl DecodedBatch {
    /// Validates every span, start and event, the resource and the scope.
    pub fn validate(self, limits: &Limits, now: UnixNanos) -> ValidBatch {
        let mut rejected = self.rejected;
        let mut rejected_sequences = self.rejected_sequences;
        let mut spans = Vec::with_capacity(self.spans.len());
        for DecodedSpan { index, span, marks } in self.spans {
            let sequence = span.sequence;
            match validate(span, limits, now, marks) {
                Ok(span) => spans.push(span),
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
        let starts = valid(
            "starts",
            self.starts,
            &mut rejected_starts,
            |start, marks| validate_start(start, limits, now, marks),
        );
        let mut rejected_events = self.rejected_events;
        let events = valid(
            "events",
            self.events,
            &mut rejected_events,
            |event, marks| validate_log(event, limits, now, marks),
        );
        let batch = SpanBatch {
            resource: validate_resource(self.resource, limits, self.resource_marks),
            scope: validate_scope(self.scope, limits, self.scope_marks),
            clock: self.clock,
            sequence: self.sequence,
            spans,
            starts,
            events,
            dropped: self.dropped,
        };
        ValidBatch {
            batch,
            rejected,
            rejected_sequences,
            rejected_starts,
            rejected_events,
        }
    }
}

/// What of the list `name` is valid; what is not joins `rejected`, in order.
fn valid<T>(
    name: &str,
    parts: Vec<Placed<T>>,
    rejected: &mut Vec<Rejection>,
    validate: impl Fn(T, Marks) -> Result<T, RejectReason>,
) -> Vec<T> {
    let mut valid = Vec::with_capacity(parts.len());
    for (index, part, marks) in parts {
        match validate(part, marks) {
            Ok(part) => valid.push(part),
            Err(reason) => rejected.push(Rejection {
                index,
                reason: format!("{name}[{index}].{reason}"),
            }),
        }
    }
    rejected.sort_by_key(|rejection| rejection.index);
    valid
}
