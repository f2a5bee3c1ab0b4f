//! Encodes the fields and attributes that are not in the skeleton of a block.
//!
//! Each field and each attribute key is one column. Columns are compressed in frames. A directory
//! stores the position of each column.
//!
//! Each span has a shape: the list of its columns in the order of its values. A column holds values
//! only for the spans that have one, so a missing value takes no space.

mod column;
mod frames;

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use zstd::bulk::Compressor;

use self::column::{Column, ColumnBuffers};
use self::frames::Frames;
use super::directory::{ColumnEntry, Directory};
use super::filter::FilterEntry;
use super::kind::{ColumnKind, next_attribute, split_value};
use super::record::{DroppedCounts, IngestMetadata, SpanRecord};
use crate::ids::IdHasher;

/// The size from which a column gets its own frame, in bytes. A reader then decompresses it alone.
const OWN_FRAME_BYTES: usize = 4 << 10;
/// The approximate size of a frame that small columns share, in bytes.
const SHARED_FRAME_BYTES: usize = 32 << 10;

/// The maximum size of the buffers that are reused for the next block, in bytes. The columns of a
/// full block take about as much.
const MAX_SPARE_BYTES: usize = 8 << 20;

/// Maps the hash of a key to the columns with that hash. Several keys can have the same hash, so a
/// lookup compares the keys too.
type ByKeyHash = HashMap<u64, Vec<u32>, BuildHasherDefault<IdHasher>>;

/// Collects the spans of one block after another, column by column.
#[derive(Debug, Default)]
pub(super) struct ColumnsBuilder {
    columns: Vec<Column>,
    /// Buffers for the columns that follow, in reverse order. Allocating buffers for each block
    /// would take a tenth of the time to build it.
    spare: Vec<ColumnBuffers>,
    by_key_hash: ByKeyHash,
    shapes: HashMap<Vec<u32>, u32, BuildHasherDefault<IdHasher>>,
    shape_list: Vec<Vec<u32>>,
    shape_of: Vec<u32>,
    /// The columns of the current span.
    shape: Vec<u32>,
    /// The base of [`ColumnKind::Received`]: the receive time of the first span, in ns.
    received_base_ns: i64,
}

/// The encoded columns of a block.
#[derive(Debug)]
pub(super) struct EncodedColumns {
    pub directory: Vec<u8>,
    pub columns: Vec<u8>,
}

impl ColumnsBuilder {
    /// Adds a span. `indexes` are the indexes of its resource and scope in the block. Calls `see`
    /// for each attribute with the hash of the key, the key, the kind and the value.
    ///
    /// Copies the span once. Spans of one operation mostly have the same keys in the same order. So
    /// it first compares the key with the one of the previous span at the same position, and hashes
    /// the key only if they differ.
    pub(super) fn push(
        &mut self,
        record: &SpanRecord<'_>,
        (resource, scope): (u32, u32),
        mut see: impl FnMut(u64, &[u8], ColumnKind, &[u8]),
    ) -> bool {
        if self.shape_of.is_empty() {
            self.received_base_ns = record.ingest.received_ns;
        }
        self.shape.clear();
        self.fields(record, (resource, scope));
        let length_before = self.shape.len();
        let mut rest = record.attributes;
        while let Some((key, value)) = next_attribute(&mut rest) {
            let (kind, bytes) = split_value(value);
            let column = self.column(kind, key);
            column.push(bytes);
            see(column.key_hash, key, kind, bytes);
        }
        let is_split = rest.is_empty();
        if !is_split {
            self.take_back(length_before);
            self.value(ColumnKind::AllAttributes, &[], record.attributes);
        }
        let shape = self.shape_index();
        self.shape_of.push(shape);
        is_split
    }

    /// Returns the index of the shape of the current span. Most spans have the shape of the
    /// previous span.
    fn shape_index(&mut self) -> u32 {
        if let Some(&last) = self.shape_of.last()
            && self.shape_list[last as usize] == self.shape
        {
            return last;
        }
        if let Some(shape) = self.shapes.get(&self.shape) {
            return *shape;
        }
        let index = self.shape_list.len() as u32;
        self.shapes.insert(self.shape.clone(), index);
        self.shape_list.push(self.shape.clone());
        index
    }

    fn fields(&mut self, record: &SpanRecord<'_>, (resource, scope): (u32, u32)) {
        let IngestMetadata {
            received_ns,
            process_id,
            sequence,
            clock_offset_ns,
            clock_error_ns,
            cut_bytes,
        } = record.ingest;
        let DroppedCounts {
            attributes,
            events,
            links,
        } = record.dropped;
        let count = |count: u32| (count > 0).then_some(i64::from(count));
        let received = received_ns.wrapping_sub(self.received_base_ns);
        for (kind, number) in [
            (ColumnKind::Resource, Some(i64::from(resource))),
            (ColumnKind::Scope, Some(i64::from(scope))),
            (ColumnKind::Received, Some(received)),
            (ColumnKind::DroppedAttributes, count(attributes)),
            (ColumnKind::DroppedEvents, count(events)),
            (ColumnKind::DroppedLinks, count(links)),
            (ColumnKind::Process, process_id),
            (ColumnKind::Sequence, sequence),
            (ColumnKind::ClockOffset, clock_offset_ns),
            (ColumnKind::ClockError, clock_error_ns),
            (ColumnKind::CutBytes, cut_bytes),
        ] {
            if let Some(number) = number {
                self.column(kind, &[]).push_number(number);
            }
        }
        for (kind, bytes) in [
            (ColumnKind::TraceState, record.trace_state.as_bytes()),
            (ColumnKind::Events, record.events),
            (ColumnKind::Links, record.links),
            (ColumnKind::Payloads, record.payloads),
        ] {
            if !bytes.is_empty() {
                self.value(kind, &[], bytes);
            }
        }
    }

    fn value(&mut self, kind: ColumnKind, key: &[u8], value: &[u8]) {
        self.column(kind, key).push(value);
    }

    /// Returns the column and appends it to the current shape.
    fn column(&mut self, kind: ColumnKind, key: &[u8]) -> &mut Column {
        let index = self.shape.len();
        let last = self.shape_of.last();
        let predicted = last
            .and_then(|last| self.shape_list.get(*last as usize))
            .and_then(|shape| shape.get(index).copied())
            .filter(|&index| {
                let column = &self.columns[index as usize];
                column.kind == kind && is_same_key(&column.key, key)
            });
        let index = predicted.unwrap_or_else(|| self.find(kind, key));
        self.shape.push(index);
        &mut self.columns[index as usize]
    }

    fn find(&mut self, kind: ColumnKind, key: &[u8]) -> u32 {
        let key_hash = FilterEntry::key_hash(key);
        let same_hash = self.by_key_hash.entry(key_hash).or_default();
        let found = same_hash.iter().find(|&&index| {
            let column = &self.columns[index as usize];
            column.kind == kind && *column.key == *key
        });
        if let Some(index) = found {
            return *index;
        }
        let index = self.columns.len() as u32;
        same_hash.push(index);
        let buffers = self.spare.pop().unwrap_or_default();
        self.columns.push(Column::new(kind, key, key_hash, buffers));
        index
    }

    /// Removes the values of the current span from index `from` of its shape onwards.
    fn take_back(&mut self, from: usize) {
        for index in self.shape.drain(from..).rev() {
            self.columns[index as usize].pop();
        }
    }

    /// Compresses the columns with `compressor` and empties the builder.
    ///
    /// # Errors
    /// Returns the error of zstd. No input is known to cause one.
    pub(super) fn finish(
        &mut self,
        compressor: &mut Compressor<'_>,
    ) -> std::io::Result<EncodedColumns> {
        let columns = core::mem::take(&mut self.columns);
        self.by_key_hash.clear();
        self.shapes.clear();
        let mut directory = Directory {
            received_base_ns: self.received_base_ns,
            frames: Vec::new(),
            columns: vec![ColumnEntry::default(); columns.len()],
            shapes: core::mem::take(&mut self.shape_list),
            shape_of: core::mem::take(&mut self.shape_of),
        };
        let mut frames = Frames::new(compressor);
        // Columns with their own frame come first, then the columns that share frames.
        let (own, shared): (Vec<_>, Vec<_>) =
            (0..columns.len()).partition(|&index| columns[index].raw_len() >= OWN_FRAME_BYTES);
        for (indexes, limit) in [(own, 0), (shared, SHARED_FRAME_BYTES)] {
            for index in indexes {
                directory.columns[index] = frames.add(&columns[index]);
                if frames.open_len() >= limit {
                    frames.close()?;
                }
            }
            frames.close()?;
        }
        let (entries, out) = frames.finish();
        directory.frames = entries;
        self.keep_buffers(columns);
        Ok(EncodedColumns {
            directory: directory.encode(compressor)?,
            columns: out,
        })
    }

    /// Stores the buffers of these columns for the columns of the next block, in the same order.
    fn keep_buffers(&mut self, columns: Vec<Column>) {
        let mut kept_bytes = 0;
        let buffers = columns
            .into_iter()
            .map(ColumnBuffers::of)
            .take_while(|buffers| {
                kept_bytes += buffers.capacity();
                kept_bytes <= MAX_SPARE_BYTES
            });
        self.spare = buffers.collect();
        self.spare.reverse();
    }
}

/// Returns true if two keys are equal. Compares eight bytes at a time without a call, because most
/// keys are short and this runs for each value: a call of `memcmp` took 8 % of the time of ingest.
fn is_same_key(a: &[u8], b: &[u8]) -> bool {
    let (a_words, a_rest) = a.as_chunks::<8>();
    let (b_words, b_rest) = b.as_chunks::<8>();
    a.len() == b.len()
        && a_words
            .iter()
            .zip(b_words)
            .all(|(a, b)| u64::from_ne_bytes(*a) == u64::from_ne_bytes(*b))
        && a_rest.iter().zip(b_rest).all(|(a, b)| a == b)
}
