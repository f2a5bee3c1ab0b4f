//! Merges the spans of blocks into larger blocks, without database access.

use std::collections::HashMap;

use throughline_wire::UnixNanos;
use uuid::Uuid;

use crate::block::table::StoredBlock;
use crate::block::{Block, BlockBuilder, Corrupt, SpanRecord};

/// The most bytes of spans in memory at once. Blocks that would exceed it are left for the next
/// step.
const MAX_ARENA_BYTES: usize = 32 << 20;
/// The estimated number of bytes of spans for each byte of compressed level-0 columns, at the upper
/// end of the usual range. A guess that is too small costs a copy. One that is too large costs
/// nothing, because untouched memory is not used.
const USUAL_COMPRESSION: usize = 8;
/// The zstd level of level-1 blocks.
const LEVEL: i32 = 3;
/// The delay between a span's start and its arrival from which the span is late. Late spans have
/// blocks of their own, which keeps the time ranges of the other blocks narrow.
const LATE_NS: i64 = UnixNanos::PER_HOUR;

/// The destination of the spans of a trace that was not removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fate {
    /// The id of the first block of the trace. Blocks with a smaller id contain spans of a removed
    /// trace with the same trace id; these spans are dropped.
    pub first_block_id: i64,
    /// The retention class, part of the partition key.
    pub class: i16,
}

/// The fate of each trace. The spans of traces that are not in the map are dropped.
pub(crate) type Fates = HashMap<Uuid, Fate>;

/// The result of merging blocks.
#[derive(Debug, Default)]
pub(crate) struct Merged {
    /// The new blocks with their classes.
    pub blocks: Vec<(i16, Block)>,
    /// Positions of the blocks whose spans are in the new blocks. Blocks after the last position
    /// are left for the next step.
    pub taken: Vec<usize>,
    /// Positions of the blocks that cannot be read.
    pub damaged: Vec<(usize, Corrupt)>,
    /// The position after the last block that was read.
    pub end: usize,
    pub kept_spans: u64,
    pub dropped_spans: u64,
}

/// Merges `blocks` of one tenant, from the first on, as many as memory allows.
///
/// # Errors
/// An error of zstd; none is known to happen.
pub(crate) fn merge(blocks: &[StoredBlock], fates: &Fates) -> std::io::Result<Merged> {
    let mut arena = Arena::for_spans_of(blocks);
    let mut merged = Merged::default();
    for (position, block) in blocks.iter().enumerate() {
        if arena.bytes.len() >= MAX_ARENA_BYTES {
            break;
        }
        merged.end = position + 1;
        let mark = (arena.bytes.len(), arena.spans.len());
        match arena.add(block, fates) {
            Ok(dropped) => {
                merged.taken.push(position);
                merged.dropped_spans += dropped;
            }
            Err(corrupt) => {
                arena.bytes.truncate(mark.0);
                arena.spans.truncate(mark.1);
                merged.damaged.push((position, corrupt));
            }
        }
    }
    merged.kept_spans = arena.spans.len() as u64;
    merged.blocks = arena.blocks()?;
    Ok(merged)
}

/// The target of a span and its sort order there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct SortKey {
    class: i16,
    is_late: bool,
    trace_id: [u8; 16],
    start_ns: i64,
    span_id: i64,
    /// The position in the arena: keeps the order of equal spans.
    position: usize,
}

/// A span whose parts of variable size are in the arena.
struct ArenaSpan {
    /// The span without these parts.
    fixed: SpanRecord<'static>,
    class: i16,
    offset: usize,
    lens: [usize; 6],
}

/// Spans of many blocks: one buffer for all bytes, so that a span costs no allocation.
#[derive(Default)]
struct Arena {
    bytes: Vec<u8>,
    spans: Vec<ArenaSpan>,
}

impl Arena {
    /// Creates an empty arena with capacity for about as many spans as `blocks` have, so that
    /// neither buffer is copied while it grows.
    fn for_spans_of(blocks: &[StoredBlock]) -> Self {
        let spans = blocks.iter().map(|block| block.prune.span_count as usize);
        let bytes = blocks.iter().map(|block| block.columns.len());
        Self {
            bytes: Vec::with_capacity(
                (bytes.sum::<usize>() * USUAL_COMPRESSION).min(MAX_ARENA_BYTES + (4 << 20)),
            ),
            spans: Vec::with_capacity(spans.sum()),
        }
    }

    /// Copies the kept spans of a block; returns the number of dropped spans.
    fn add(&mut self, block: &StoredBlock, fates: &Fates) -> Result<u64, Corrupt> {
        let mut dropped = 0;
        let mut trace: Option<([u8; 16], Option<i16>)> = None;
        block.for_each(|record| {
            let class = match trace {
                Some((trace_id, class)) if trace_id == record.trace_id => class,
                _ => {
                    let fate = fates.get(&Uuid::from_bytes(record.trace_id));
                    let class = fate
                        .filter(|fate| block.id >= fate.first_block_id)
                        .map(|fate| fate.class);
                    trace = Some((record.trace_id, class));
                    class
                }
            };
            match class {
                Some(class) => self.push(&record, class),
                None => dropped += 1,
            }
        })?;
        Ok(dropped)
    }

    fn push(&mut self, record: &SpanRecord<'_>, class: i16) {
        let parts = [
            record.trace_state.as_bytes(),
            record.status_message.as_bytes(),
            record.attributes,
            record.events,
            record.links,
            record.payloads,
        ];
        let offset = self.bytes.len();
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        let fixed = SpanRecord {
            trace_state: "",
            status_message: "",
            attributes: &[],
            events: &[],
            links: &[],
            payloads: &[],
            ..*record
        };
        self.spans.push(ArenaSpan {
            fixed,
            class,
            offset,
            lens: parts.map(<[u8]>::len),
        });
    }

    fn record(&self, span: &ArenaSpan) -> SpanRecord<'_> {
        let mut rest = self.bytes.get(span.offset..).unwrap_or_default();
        let [state, message, attributes, events, links, payloads] = span.lens.map(|len| {
            let (part, after) = rest.split_at_checked(len).unwrap_or_default();
            rest = after;
            part
        });
        // The bytes were copied from texts.
        let text = |bytes| core::str::from_utf8(bytes).unwrap_or_default();
        SpanRecord {
            trace_state: text(state),
            status_message: text(message),
            attributes,
            events,
            links,
            payloads,
            ..span.fixed
        }
    }

    fn blocks(&self) -> std::io::Result<Vec<(i16, Block)>> {
        let mut keys: Vec<SortKey> = self.spans.iter().enumerate().map(key).collect();
        keys.sort_unstable();
        let mut blocks = Vec::new();
        let mut builder = BlockBuilder::new(LEVEL);
        for part in keys.chunk_by(|a, b| (a.class, a.is_late) == (b.class, b.is_late)) {
            for key in part {
                let record = self.record(&self.spans[key.position]);
                if !builder.takes(&record) {
                    blocks.push((key.class, builder.finish()?));
                }
                builder.push(&record);
            }
            if let Some(key) = part.first() {
                blocks.push((key.class, builder.finish()?));
            }
        }
        Ok(blocks)
    }
}

fn key((position, span): (usize, &ArenaSpan)) -> SortKey {
    let fixed = &span.fixed;
    SortKey {
        class: span.class,
        is_late: fixed.ingest.received_ns.saturating_sub(fixed.start_ns) > LATE_NS,
        trace_id: fixed.trace_id,
        start_ns: fixed.start_ns,
        span_id: fixed.span_id,
        position,
    }
}
