//! The encoded form of a batch.

use throughline_wire::Rejection;

use super::dictionary::Entry;
use super::events::Events;
use super::open_spans::OpenSpan;
use super::payloads::{self, Payload};
use super::processes::ProcessReport;
use super::rejections::rejections_memory_bytes;
use super::row::BatchSpan;

/// An encoded batch.
#[derive(Debug, Default)]
pub(super) struct Encoded {
    pub tenant: [u8; 16],
    pub received_ns: i64,
    /// The variable-size parts of its spans, one after the other.
    pub bytes: Vec<u8>,
    pub rows: Vec<BatchSpan>,
    /// The dictionary entries it needs that were not known to be stored when it was encoded.
    pub dictionary: Vec<Entry>,
    /// The spans that cannot be stored.
    pub rejected: Vec<Rejection>,
    pub events: Events,
    /// The large values of its spans and events.
    pub payloads: Vec<Payload>,
    /// The sequence number reports of its processes.
    pub reports: Vec<ProcessReport>,
    /// The spans that have begun.
    pub open: Vec<OpenSpan>,
}

impl Encoded {
    /// Returns its approximate memory size in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes.capacity()
            + self.rows.capacity() * size_of::<BatchSpan>()
            + self.dictionary_bytes()
            + rejections_memory_bytes(&self.rejected)
            + self.events.memory_bytes()
            + payloads::memory_bytes(&self.payloads)
            + self
                .reports
                .iter()
                .map(ProcessReport::memory_bytes)
                .sum::<usize>()
            + self.open.iter().map(OpenSpan::memory_bytes).sum::<usize>()
    }

    /// Returns the approximate number of bytes that are sent to the database.
    pub(super) fn byte_count(&self) -> usize {
        self.bytes.len()
            + self.dictionary_bytes()
            + self.events.bytes.len()
            + payloads::memory_bytes(&self.payloads)
            + self.open.iter().map(OpenSpan::memory_bytes).sum::<usize>()
    }

    fn dictionary_bytes(&self) -> usize {
        self.dictionary.iter().map(Entry::memory_bytes).sum()
    }

    /// Returns the number of spans and events.
    pub(super) fn row_count(&self) -> usize {
        self.rows.len() + self.events.rows.len()
    }
}
