//! Computes the checksums of the parts of a block that searches and rollups read separately.
//!
//! The checksum of a trace covers all arrays, but a search or a rollup reads only a few of them. So
//! each array that they read has its own checksum, and so do the values that prune blocks.

use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use super::{Corrupt, PruneData, Skeleton};

/// A part of a block with its own checksum. The discriminant is the index in the array of
/// checksums. The indexes are stored: never reorder the variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChecksumRegion {
    /// The values of [`PruneData`] without the lists.
    Prune,
    Resources,
    Scopes,
    Operations,
    /// The arrays `trace_ids` and `trace_ends`.
    Traces,
    OperationIndexes,
    Statuses,
    /// The arrays `message_spans` and `messages`.
    Messages,
    /// The arrays `durations` and `long_durations`.
    Durations,
    SpanIds,
    /// The arrays `trace_starts_ns`, `start_offsets` and `long_start_offsets`.
    Starts,
}

impl ChecksumRegion {
    const COUNT: usize = Self::Starts as usize + 1;

    /// Checks that a part has the checksum that was stored with it.
    ///
    /// # Errors
    /// Returns [`Corrupt`] if the checksums differ.
    pub(crate) fn verify(self, stored: &[i32], checksum: i32) -> Result<(), Corrupt> {
        if stored.get(self as usize) == Some(&checksum) {
            Ok(())
        } else {
            Err(Corrupt(match self {
                Self::Prune | Self::Resources | Self::Scopes => "metadata",
                _ => "skeleton",
            }))
        }
    }
}

/// Collects the bytes that a checksum covers. Each list is preceded by its length, so that two
/// lists cannot be confused with one.
#[derive(Debug, Default)]
struct Bytes(Vec<u8>);

impl Bytes {
    fn add<const N: usize>(mut self, values: impl ExactSizeIterator<Item = [u8; N]>) -> Self {
        self.0
            .extend_from_slice(&(values.len() as u64).to_le_bytes());
        self.0.reserve(values.len() * N);
        for value in values {
            self.0.extend_from_slice(&value);
        }
        self
    }

    /// Adds numbers that are stored in one of two arrays.
    fn add_either(self, short: Option<&[i32]>, long: Option<&[i64]>) -> Self {
        let (short, long) = (short.unwrap_or_default(), long.unwrap_or_default());
        self.add(short.iter().map(|number| number.to_le_bytes()))
            .add(long.iter().map(|number| number.to_le_bytes()))
    }

    fn checksum(self) -> i32 {
        xxh3_64(&self.0) as i32
    }
}

/// Returns the checksum of a list of IDs.
pub(crate) fn ids(ids: &[i64]) -> i32 {
    Bytes::default()
        .add(ids.iter().map(|id| id.to_le_bytes()))
        .checksum()
}

/// Returns the checksum of an array with one `smallint` per span.
pub(crate) fn small(numbers: &[i16]) -> i32 {
    Bytes::default()
        .add(numbers.iter().map(|number| number.to_le_bytes()))
        .checksum()
}

/// Returns the checksum of the trace IDs and the end positions of their spans.
pub(crate) fn traces(ids: &[Uuid], ends: &[i32]) -> i32 {
    Bytes::default()
        .add(ids.iter().map(|id| id.into_bytes()))
        .add(ends.iter().map(|end| end.to_le_bytes()))
        .checksum()
}

/// Returns the checksum of the status messages and the positions of their spans.
pub(crate) fn messages(spans: &[i32], messages: &[String]) -> i32 {
    let lengths = messages
        .iter()
        .map(|message| (message.len() as u64).to_le_bytes());
    let mut bytes = Bytes::default()
        .add(spans.iter().map(|span| span.to_le_bytes()))
        .add(lengths);
    for message in messages {
        bytes.0.extend_from_slice(message.as_bytes());
    }
    bytes.checksum()
}

/// Returns the checksum of the durations. One of the two arrays holds them.
pub(crate) fn durations(short: Option<&[i32]>, long: Option<&[i64]>) -> i32 {
    Bytes::default().add_either(short, long).checksum()
}

/// Returns the checksum of the start times of traces and spans. One of the two arrays holds the
/// offsets of the spans.
pub(crate) fn starts(traces: &[i64], short: Option<&[i32]>, long: Option<&[i64]>) -> i32 {
    Bytes::default()
        .add(traces.iter().map(|start_ns| start_ns.to_le_bytes()))
        .add_either(short, long)
        .checksum()
}

impl PruneData {
    /// Returns the checksum of the values without the lists.
    fn checksum(&self) -> i32 {
        // The pattern names every field, so that the compiler reports a new one.
        let Self {
            span_count,
            first_start_ns,
            last_start_ns,
            last_end_ns,
            first_trace_id,
            last_trace_id,
            max_duration_ns,
            has_error,
            has_payloads,
            resources: _,
            scopes: _,
        } = self;
        let numbers = [
            i64::from(*span_count),
            *first_start_ns,
            *last_start_ns,
            *last_end_ns,
            *max_duration_ns,
            i64::from(*has_error),
            i64::from(*has_payloads),
        ];
        Bytes::default()
            .add(numbers.iter().map(|number| number.to_le_bytes()))
            .add(
                [first_trace_id, last_trace_id]
                    .iter()
                    .map(|id| id.into_bytes()),
            )
            .checksum()
    }

    /// Checks that the values, without the lists, are unchanged since they were written.
    ///
    /// # Errors
    /// Returns [`Corrupt`] if a checksum differs.
    pub(crate) fn verify(&self, checksums: &[i32]) -> Result<(), Corrupt> {
        ChecksumRegion::Prune.verify(checksums, self.checksum())
    }

    /// Checks that the values and the lists are unchanged since they were written.
    ///
    /// # Errors
    /// Returns [`Corrupt`] if a checksum differs.
    pub(crate) fn verify_all(&self, checksums: &[i32]) -> Result<(), Corrupt> {
        self.verify(checksums)?;
        ChecksumRegion::Resources.verify(checksums, ids(&self.resources))?;
        ChecksumRegion::Scopes.verify(checksums, ids(&self.scopes))
    }
}

/// Returns the checksums of all parts, in the order of [`ChecksumRegion`].
pub(super) fn of(prune: &PruneData, skeleton: &Skeleton) -> Vec<i32> {
    let all: [i32; ChecksumRegion::COUNT] = [
        prune.checksum(),
        ids(&prune.resources),
        ids(&prune.scopes),
        ids(&skeleton.operations),
        traces(&skeleton.trace_ids, &skeleton.trace_ends),
        small(&skeleton.operation_indexes),
        small(&skeleton.statuses),
        messages(&skeleton.message_spans, &skeleton.messages),
        durations(
            skeleton.durations.as_deref(),
            skeleton.long_durations.as_deref(),
        ),
        ids(&skeleton.span_ids),
        starts(
            &skeleton.trace_starts_ns,
            skeleton.start_offsets.as_deref(),
            skeleton.long_start_offsets.as_deref(),
        ),
    ];
    all.to_vec()
}
