//! Builds blocks from spans.

use core::mem::{replace, take};
use std::collections::HashSet;

use throughline_codec::binary;
use throughline_wire::{AttributeValue, SpanEvent};
use uuid::Uuid;
use zstd::bulk::Compressor;

use super::columns::ColumnsBuilder;
use super::decode::canonical_text;
use super::filter::{FilterBuilder, FilterEntry};
use super::kind::ColumnKind;
use super::record::SpanRecord;
use super::skeleton::SkeletonBuilder;
use super::{Block, PruneData, checksums};
use crate::ids::IdMap;
use crate::payload_refs;

/// The maximum number of spans in a block. A larger block compresses hardly better, and reading one
/// trace from it costs more.
const MAX_BLOCK_SPANS: usize = 8_192;
/// The maximum size of the spans in a block, in bytes before compression. A span that is larger
/// gets a block of its own.
const MAX_BLOCK_RAW_BYTES: usize = 4 << 20;
/// The estimated size of the fixed-size parts of a span, in bytes.
const FIXED_SPAN_BYTES: usize = 100;
/// The maximum number of operations in a block. An operation index must fit `smallint`.
const MAX_OPERATIONS: usize = i16::MAX as usize;

/// A list of distinct IDs in the order of first use.
#[derive(Debug, Default)]
struct IdList {
    places: IdMap<u32>,
    ids: Vec<i64>,
}

impl IdList {
    fn index_of(&mut self, id: i64) -> u32 {
        *self.places.entry(id).or_insert_with(|| {
            self.ids.push(id);
            self.ids.len() as u32 - 1
        })
    }
}

/// Builds one block after another and reuses its buffers.
///
/// The caller must push the spans of a trace one after another, and the traces in the order of
/// their IDs.
pub(crate) struct BlockBuilder {
    /// The compression level of zstd.
    level: i32,
    /// The compressor. The first call of [`Self::finish`] creates it.
    compressor: Option<Compressor<'static>>,
    skeleton: SkeletonBuilder,
    columns: ColumnsBuilder,
    filter: FilterBuilder,
    operations: IdList,
    services: Vec<i64>,
    resources: IdList,
    scopes: IdList,
    prune: PruneData,
    raw_bytes: usize,
    last_trace: Option<[u8; 16]>,
    /// A buffer for the canonical text of non-string values.
    text: String,
    /// The filter entries of the previous span, by attribute position. Most spans repeat them. A
    /// repeated entry is not inserted again.
    last_entries: Vec<FilterEntry>,
}

impl BlockBuilder {
    /// Creates an empty builder. zstd compresses its blocks at `level`.
    pub(crate) fn new(level: i32) -> Self {
        Self {
            level,
            compressor: None,
            skeleton: SkeletonBuilder::default(),
            columns: ColumnsBuilder::default(),
            filter: FilterBuilder::default(),
            operations: IdList::default(),
            services: Vec::new(),
            resources: IdList::default(),
            scopes: IdList::default(),
            prune: PruneData::empty(),
            raw_bytes: 0,
            last_trace: None,
            text: String::new(),
            last_entries: Vec::new(),
        }
    }

    /// Returns true if the builder holds no spans.
    pub(crate) fn is_empty(&self) -> bool {
        self.skeleton.len() == 0
    }

    /// Returns the number of spans in the builder.
    pub(crate) fn len(&self) -> usize {
        self.skeleton.len()
    }

    /// Returns true if the span fits into the current block. The first span always fits.
    pub(crate) fn takes(&self, record: &SpanRecord<'_>) -> bool {
        self.is_empty()
            || (self.len() < MAX_BLOCK_SPANS
                && self.raw_bytes + raw_bytes(record) <= MAX_BLOCK_RAW_BYTES
                && self.operations.ids.len() < MAX_OPERATIONS)
    }

    /// Adds a span. The caller must check [`Self::takes`] first.
    pub(crate) fn push(&mut self, record: &SpanRecord<'_>) {
        let operation = self.operations.index_of(record.operation_id);
        if operation as usize == self.services.len() {
            self.services.push(record.service_id);
        }
        if self.last_trace != Some(record.trace_id) {
            self.last_trace = Some(record.trace_id);
            self.filter.insert(FilterEntry::trace(&record.trace_id));
        }
        self.skeleton.push(record, operation as i16);
        let indexes = (
            self.resources.index_of(record.resource_id),
            self.scopes.index_of(record.scope_id),
        );
        let Self {
            columns,
            filter,
            text,
            last_entries,
            ..
        } = self;
        let mut attribute = 0;
        let is_split = columns.push(record, indexes, |key_hash, key, kind, value| {
            if kind == ColumnKind::Other {
                let value = binary::decode_value(binary::Reader::new(value));
                if let Ok(value) = value {
                    insert_value(filter, key, &value);
                }
                return;
            }
            let Some(text) = canonical_text(kind, value, text) else {
                return;
            };
            let entry = FilterEntry::of_hashes(key_hash, FilterEntry::text_hash(text));
            match last_entries.get_mut(attribute) {
                Some(last) if *last == entry => {}
                Some(last) => {
                    *last = entry;
                    filter.insert(entry);
                }
                None => {
                    last_entries.push(entry);
                    filter.insert(entry);
                }
            }
            attribute += 1;
        });
        if !is_split {
            let attributes = binary::decode_attributes(record.attributes).unwrap_or_default();
            for (key, value) in attributes.iter() {
                insert_value(filter, key.as_bytes(), value);
            }
        }
        if !record.events.is_empty() {
            let events = binary::decode_events(record.events).unwrap_or_default();
            self.insert_events(&events);
        }
        if !record.payloads.is_empty() {
            self.prune.has_payloads = true;
            self.insert_payloads(record);
        }
        self.note(record);
    }

    fn note(&mut self, record: &SpanRecord<'_>) {
        let prune = &mut self.prune;
        let trace_id = Uuid::from_bytes(record.trace_id);
        if prune.span_count == 0 {
            (prune.first_trace_id, prune.last_trace_id) = (trace_id, trace_id);
        }
        prune.first_trace_id = prune.first_trace_id.min(trace_id);
        prune.last_trace_id = prune.last_trace_id.max(trace_id);
        prune.span_count += 1;
        prune.first_start_ns = prune.first_start_ns.min(record.start_ns);
        prune.last_start_ns = prune.last_start_ns.max(record.start_ns);
        prune.last_end_ns = prune.last_end_ns.max(record.end_ns());
        prune.max_duration_ns = prune.max_duration_ns.max(record.duration_ns);
        prune.has_error |= record.is_error();
        self.raw_bytes += raw_bytes(record);
    }

    fn insert_events(&mut self, events: &[SpanEvent]) {
        for (key, value) in events.iter().flat_map(|event| event.attributes.iter()) {
            insert_value(&mut self.filter, key.as_bytes(), value);
        }
    }

    /// Adds the complete values of offloaded payloads to the filter. The columns hold only previews
    /// of them.
    fn insert_payloads(&mut self, record: &SpanRecord<'_>) {
        for reference in payload_refs::decode(record.payloads).unwrap_or_default() {
            if reference.filter_entry != 0 {
                self.filter
                    .insert(FilterEntry::from_bits(reference.filter_entry));
            }
        }
    }

    /// Returns the block of the added spans and empties the builder.
    ///
    /// # Errors
    /// Returns the error of zstd. No input is known to cause one.
    pub(crate) fn finish(&mut self) -> std::io::Result<Block> {
        let compressor = match &mut self.compressor {
            Some(compressor) => compressor,
            none => none.insert(Compressor::new(self.level)?),
        };
        let encoded = self.columns.finish(compressor)?;
        let operations = take(&mut self.operations).ids;
        self.raw_bytes = 0;
        self.last_trace = None;
        self.last_entries.clear();
        let prune = PruneData {
            resources: take(&mut self.resources).ids,
            scopes: take(&mut self.scopes).ids,
            ..replace(&mut self.prune, PruneData::empty())
        };
        let skeleton = take(&mut self.skeleton).finish(operations, take(&mut self.services));
        Ok(Block {
            checksums: checksums::of(&prune, &skeleton),
            prune,
            skeleton,
            filter: self.filter.finish(),
            directory: encoded.directory,
            columns: encoded.columns,
        })
    }
}

/// Returns the approximate size of a span before compression, in bytes.
pub(crate) fn raw_bytes(record: &SpanRecord<'_>) -> usize {
    FIXED_SPAN_BYTES
        + record.status_message.len()
        + record.trace_state.len()
        + record.attributes.len()
        + record.events.len()
        + record.links.len()
        + record.payloads.len()
}

/// Adds the canonical text of a value to the filter. For an array it adds the text of each element.
/// A map has no text, so it adds nothing.
fn insert_value(filter: &mut FilterBuilder, key: &[u8], value: &AttributeValue) {
    let mut texts = HashSet::new();
    collect_texts(value, &mut texts);
    for text in texts {
        filter.insert(FilterEntry::attribute(key, text.as_bytes()));
    }
}

fn collect_texts(value: &AttributeValue, texts: &mut HashSet<String>) {
    match value {
        AttributeValue::Array(values) => {
            // A nested array has no canonical text.
            for value in values
                .iter()
                .filter(|value| !matches!(value, AttributeValue::Array(_)))
            {
                collect_texts(value, texts);
            }
        }
        value => texts.extend(super::decode::value_text(value)),
    }
}
