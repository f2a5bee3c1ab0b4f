//! The checksums of the parts of a block that are read each by itself, by a search and by rollups.
//!
//! The checksums of the traces are over all arrays at once, and a search or a rollup reads a few of them.
//! So each array that these read has a checksum of its own, and the values that prune blocks have one.

use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use super::{Corrupt, PruneData, Skeleton};

/// A part with a checksum; its number is the place of the checksum in the array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ChecksumRegion {
    /// The values of [`PruneData`] apart from the lists.
    Prune,
    Resources,
    Scopes,
    Operations,
    /// `trace_ids` and `trace_ends`.
    Traces,
    OperationIndexes,
    Statuses,
    /// `message_spans` and `messages`.
    Messages,
    /// `durations` and `long_durations`.
    Durations,
    SpanIds,
    /// `trace_starts_ns`, `start_offsets` and `long_start_offsets`.
    Starts,
}

impl ChecksumRegion {
    const COUNT: usize = Self::Starts as usize + 1;

    /// Makes sure that a part has the checksum that was stored with it.
    ///
    /// # Errors
    /// [`Corrupt`].
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

/// Adds up the bytes of a part.
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

    /// Adds numbers that are in one of two arrays.
    fn add_either(self, short: Option<&[i32]>, long: Option<&[i64]>) -> Self {
        let (short, long) = (short.unwrap_or_default(), long.unwrap_or_default());
        self.add(short.iter().map(|number| number.to_le_bytes()))
            .add(long.iter().map(|number| number.to_le_bytes()))
    }

    fn checksum(self) -> i32 {
        xxh3_64(&self.0) as i32
    }
}

/// The checksum of a list of ids.
pub(crate) fn ids(ids: &[i64]) -> i32 {
    Bytes::default()
        .add(ids.iter().map(|id| id.to_le_bytes()))
        .checksum()
}

/// The checksum of an array with a small number for each span.
pub(crate) fn small(numbers: &[i16]) -> i32 {
    Bytes::default()
        .add(numbers.iter().map(|number| number.to_le_bytes()))
        .checksum()
}

/// The checksum of the traces and where their spans end.
pub(crate) fn traces(ids: &[Uuid], ends: &[i32]) -> i32 {
    Bytes::default()
        .add(ids.iter().map(|id| id.into_bytes()))
        .add(ends.iter().map(|end| end.to_le_bytes()))
        .checksum()
}

/// The checksum of the status messages and the positions of their spans.
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

/// The checksum of the durations, in whichever of the arrays they are.
pub(crate) fn durations(short: Option<&[i32]>, long: Option<&[i64]>) -> i32 {
    Bytes::default().add_either(short, long).checksum()
}

/// The checksum of the starts of the traces and those of their spans, in whichever of the arrays they are.
pub(crate) fn starts(traces: &[i64], short: Option<&[i32]>, long: Option<&[i64]>) -> i32 {
    Bytes::default()
        .add(traces.iter().map(|start_ns| start_ns.to_le_bytes()))
        .add_either(short, long)
        .checksum()
}

impl PruneData {
    /// The checksum of the values apart from the lists.
    fn checksum(&self) -> i32 {
        // Taken apart so that a new value cannot be forgotten here.
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

    /// Makes sure that the values apart from the lists are what was written.
    ///
    /// # Errors
    /// [`Corrupt`].
    pub(crate) fn verify(&self, checksums: &[i32]) -> Result<(), Corrupt> {
        ChecksumRegion::Prune.verify(checksums, self.checksum())
    }

    /// Makes sure that the values and the lists are what was written.
    ///
    /// # Errors
    /// [`Corrupt`].
    pub(crate) fn verify_all(&self, checksums: &[i32]) -> Result<(), Corrupt> {
        self.verify(checksums)?;
        ChecksumRegion::Resources.verify(checksums, ids(&self.resources))?;
        ChecksumRegion::Scopes.verify(checksums, ids(&self.scopes))
    }
}

/// The checksums of all parts, in the order of [`ChecksumRegion`].
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
