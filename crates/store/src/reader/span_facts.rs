//! The sums over the stored spans of a trace.

use std::collections::{BTreeMap, BTreeSet};

use crate::block::SpanRecord;

/// The sums over the stored spans of a trace from which completeness is computed.
#[derive(Debug, Default)]
pub(super) struct SpanFacts {
    pub span_count: u64,
    pub cut_bytes: u64,
    pub dropped_parts: u64,
    /// The lowest and the highest sequence number of each process.
    pub numbers: BTreeMap<i64, (i64, i64)>,
    /// The operations of spans without a sequence number.
    pub unnumbered: BTreeSet<i64>,
}

impl SpanFacts {
    /// Adds a span. Its attributes, events and links may be missing.
    pub(super) fn add(&mut self, record: &SpanRecord<'_>) {
        let (ingest, dropped) = (&record.ingest, record.dropped);
        self.span_count += 1;
        self.cut_bytes = self
            .cut_bytes
            .saturating_add(ingest.cut_bytes.unwrap_or_default().unsigned_abs());
        for count in [dropped.attributes, dropped.events, dropped.links] {
            self.dropped_parts = self.dropped_parts.saturating_add(count.into());
        }
        match (ingest.process_id, ingest.sequence) {
            (Some(process), Some(sequence)) => {
                let (least, greatest) = self.numbers.entry(process).or_insert((sequence, sequence));
                *least = sequence.min(*least);
                *greatest = sequence.max(*greatest);
            }
            _ => {
                self.unnumbered.insert(record.operation_id);
            }
        }
    }

    /// Returns the operations whose names are needed.
    pub(super) fn operations(&self) -> impl Iterator<Item = i64> {
        self.unnumbered.iter().copied()
    }
}
