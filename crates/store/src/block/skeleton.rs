//! The skeleton: the part of a block that is stored in native arrays.

use core::hash::BuildHasherDefault;

use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use super::Corrupt;
use super::record::SpanRecord;
use crate::ids::IdMap;

const WHAT: Corrupt = Corrupt("skeleton");
/// The value in `parents` of a span without a parent.
const NO_PARENT: i16 = -1;

/// Arrays with one element per trace, per span or per exception from the rule. Positions start at
/// 0.
#[derive(Debug, Clone, PartialEq, Eq, Default, sqlx::FromRow)]
pub(crate) struct Skeleton {
    /// The trace IDs, sorted.
    pub trace_ids: Vec<Uuid>,
    /// The end position of the spans of each trace, exclusive.
    pub trace_ends: Vec<i32>,
    /// The start of the first span of each trace, in ns since 1970.
    pub trace_starts_ns: Vec<i64>,
    /// The checksum of each trace over all arrays.
    pub trace_checksums: Vec<i32>,
    /// The distinct operations and the service of each. `operation_indexes` refers to them.
    pub operations: Vec<i64>,
    pub services: Vec<i64>,
    pub span_ids: Vec<i64>,
    /// The index of the parent among the spans of the trace. It is -1 for no parent, and -2 - n for
    /// element n of `outside_parents`.
    pub parents: Vec<i16>,
    pub outside_parents: Vec<i64>,
    /// The start of each span minus the start of its trace, in ns. The first array is used if all
    /// values fit, else the second.
    pub start_offsets: Option<Vec<i32>>,
    pub long_start_offsets: Option<Vec<i64>>,
    /// The durations in ns, in the first or the second array by the same rule.
    pub durations: Option<Vec<i32>>,
    pub long_durations: Option<Vec<i64>>,
    pub operation_indexes: Vec<i16>,
    pub statuses: Vec<i16>,
    pub flags: Vec<i32>,
    /// The positions of the spans with a status message, and the messages.
    pub message_spans: Vec<i32>,
    pub messages: Vec<String>,
}

/// A span with the fields that the skeleton stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SkeletonSpan<'a> {
    pub trace_id: [u8; 16],
    pub span_id: i64,
    pub parent_span_id: Option<i64>,
    pub operation_id: i64,
    pub service_id: i64,
    pub start_ns: i64,
    pub duration_ns: i64,
    pub status: u8,
    pub flags: u32,
    pub status_message: &'a str,
}

/// Collects the spans of a skeleton. The caller must push the spans of a trace one after another.
#[derive(Debug, Default)]
pub(super) struct SkeletonBuilder {
    skeleton: Skeleton,
    starts_ns: Vec<i64>,
    durations_ns: Vec<i64>,
    parent_ids: Vec<Option<i64>>,
}

impl SkeletonBuilder {
    pub(super) fn len(&self) -> usize {
        self.starts_ns.len()
    }

    /// Adds a span. `operation_index` is the index of its operation in the block.
    pub(super) fn push(&mut self, record: &SpanRecord<'_>, operation_index: i16) {
        let skeleton = &mut self.skeleton;
        let trace_id = Uuid::from_bytes(record.trace_id);
        let position = self.starts_ns.len() as i32;
        if skeleton.trace_ids.last() == Some(&trace_id) {
            skeleton.trace_ends.pop();
        } else {
            skeleton.trace_ids.push(trace_id);
        }
        skeleton.trace_ends.push(position + 1);
        skeleton.span_ids.push(record.span_id);
        skeleton.operation_indexes.push(operation_index);
        skeleton.statuses.push(record.status.into());
        skeleton.flags.push(record.flags as i32);
        if !record.status_message.is_empty() {
            skeleton.message_spans.push(position);
            skeleton.messages.push(record.status_message.to_owned());
        }
        self.starts_ns.push(record.start_ns);
        self.durations_ns.push(record.duration_ns);
        self.parent_ids.push(record.parent_span_id);
    }

    /// Returns the skeleton. `operations` and `services` are parallel lists.
    pub(super) fn finish(mut self, operations: Vec<i64>, services: Vec<i64>) -> Skeleton {
        let mut offsets = Vec::with_capacity(self.starts_ns.len());
        let mut begin = 0;
        for &end in &self.skeleton.trace_ends {
            let range = begin..end as usize;
            let starts = &self.starts_ns[range.clone()];
            let first = starts.iter().copied().min().unwrap_or_default();
            self.skeleton.trace_starts_ns.push(first);
            offsets.extend(starts.iter().map(|start| start.wrapping_sub(first)));
            let positions = positions(&self.skeleton.span_ids[range.clone()]);
            for parent in &self.parent_ids[range] {
                let position = match parent {
                    None => NO_PARENT,
                    Some(parent) => positions.get(parent).copied().unwrap_or_else(|| {
                        self.skeleton.outside_parents.push(*parent);
                        -1 - self.skeleton.outside_parents.len() as i16
                    }),
                };
                self.skeleton.parents.push(position);
            }
            begin = end as usize;
        }
        let Self {
            mut skeleton,
            durations_ns,
            ..
        } = self;
        (skeleton.start_offsets, skeleton.long_start_offsets) = narrow(offsets);
        (skeleton.durations, skeleton.long_durations) = narrow(durations_ns);
        skeleton.operations = operations;
        skeleton.services = services;
        skeleton.trace_checksums = (0..skeleton.trace_ids.len())
            .map(|trace| skeleton.checksum(trace).unwrap_or_default())
            .collect();
        skeleton
    }
}

/// Maps each span ID to its position. For duplicate IDs it is the first position.
fn positions(ids: &[i64]) -> IdMap<i16> {
    let mut positions = IdMap::with_capacity_and_hasher(ids.len(), BuildHasherDefault::default());
    for (position, id) in (0..=i16::MAX).zip(ids) {
        positions.entry(*id).or_insert(position);
    }
    positions
}

/// Returns the numbers as `integer` if all fit, else as `bigint`.
fn narrow(numbers: Vec<i64>) -> (Option<Vec<i32>>, Option<Vec<i64>>) {
    let narrowed: Result<Vec<i32>, _> = numbers
        .iter()
        .map(|number| i32::try_from(*number))
        .collect();
    match narrowed {
        Ok(narrow) => (Some(narrow), None),
        Err(_) => (None, Some(numbers)),
    }
}

impl Skeleton {
    /// Returns the number of spans.
    pub(crate) fn len(&self) -> usize {
        self.span_ids.len()
    }

    /// Returns the positions of the spans of a trace.
    pub(crate) fn range(&self, trace: usize) -> Option<core::ops::Range<usize>> {
        let end = usize::try_from(*self.trace_ends.get(trace)?).ok()?;
        let begin = match trace.checked_sub(1) {
            None => 0,
            Some(before) => usize::try_from(*self.trace_ends.get(before)?).ok()?,
        };
        (begin <= end && end <= self.len()).then_some(begin..end)
    }

    /// Checks that the skeleton is unchanged since it was written.
    ///
    /// # Errors
    /// Returns [`Corrupt`] if a checksum differs.
    pub(crate) fn verify(&self) -> Result<(), Corrupt> {
        let is_whole = self.trace_ids.len() == self.trace_ends.len()
            && self.trace_ids.len() == self.trace_starts_ns.len()
            && self.trace_ids.len() == self.trace_checksums.len()
            && self.trace_ids.is_sorted()
            && self.trace_ends.last().map_or(0, |end| *end as usize) == self.len();
        let is_same = |trace| self.checksum(trace) == self.trace_checksums.get(trace).copied();
        if is_whole && (0..self.trace_ids.len()).all(is_same) {
            Ok(())
        } else {
            Err(WHAT)
        }
    }

    /// Returns the checksum of all data of a trace.
    fn checksum(&self, trace: usize) -> Option<i32> {
        let range = self.range(trace)?;
        let mut bytes = Vec::with_capacity(20 + 40 * range.len());
        bytes.extend_from_slice(self.trace_ids.get(trace)?.as_bytes());
        for span in self.spans(trace) {
            let span = span.ok()?;
            for number in [
                span.span_id,
                span.parent_span_id.unwrap_or_default(),
                span.operation_id,
                span.service_id,
                span.start_ns,
                span.duration_ns,
            ] {
                bytes.extend_from_slice(&number.to_le_bytes());
            }
            bytes.push(u8::from(span.parent_span_id.is_some()));
            bytes.push(span.status);
            bytes.extend_from_slice(&span.flags.to_le_bytes());
            bytes.extend_from_slice(span.status_message.as_bytes());
        }
        Some(xxh3_64(&bytes) as i32)
    }

    /// Returns the spans of a trace.
    pub(crate) fn spans(
        &self,
        trace: usize,
    ) -> impl Iterator<Item = Result<SkeletonSpan<'_>, Corrupt>> {
        let range = self.range(trace).unwrap_or_default();
        let first = range.start;
        let messages_from = self
            .message_spans
            .partition_point(|at| (*at as usize) < first);
        let mut messages = self.message_spans[messages_from..]
            .iter()
            .zip(self.messages.get(messages_from..).unwrap_or_default())
            .peekable();
        range.map(move |position| {
            let message = messages.next_if(|(at, _)| **at as usize == position);
            let message = message.map_or("", |(_, message)| message.as_str());
            self.span(trace, first, position, message).ok_or(WHAT)
        })
    }

    fn span<'a>(
        &'a self,
        trace: usize,
        first: usize,
        position: usize,
        status_message: &'a str,
    ) -> Option<SkeletonSpan<'a>> {
        let operation = usize::try_from(*self.operation_indexes.get(position)?).ok()?;
        let parent_span_id = match *self.parents.get(position)? {
            NO_PARENT => None,
            position @ 0.. => Some(*self.span_ids.get(first + position as usize)?),
            outside => Some(
                *self
                    .outside_parents
                    .get((-2 - i32::from(outside)) as usize)?,
            ),
        };
        let trace_start_ns = *self.trace_starts_ns.get(trace)?;
        let offset = wide(
            self.start_offsets.as_ref(),
            self.long_start_offsets.as_ref(),
            position,
        )?;
        Some(SkeletonSpan {
            trace_id: self.trace_ids.get(trace)?.into_bytes(),
            span_id: *self.span_ids.get(position)?,
            parent_span_id,
            operation_id: *self.operations.get(operation)?,
            service_id: *self.services.get(operation)?,
            start_ns: trace_start_ns.wrapping_add(offset),
            duration_ns: wide(
                self.durations.as_ref(),
                self.long_durations.as_ref(),
                position,
            )?,
            status: u8::try_from(*self.statuses.get(position)?).ok()?,
            flags: *self.flags.get(position)? as u32,
            status_message,
        })
    }
}

/// Returns the number at this position. One of the two arrays holds it.
fn wide(narrow: Option<&Vec<i32>>, wide: Option<&Vec<i64>>, at: usize) -> Option<i64> {
    match (narrow, wide) {
        (Some(narrow), _) => narrow.get(at).copied().map(i64::from),
        (None, Some(wide)) => wide.get(at).copied(),
        (None, None) => None,
    }
}
