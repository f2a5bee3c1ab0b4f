//! Reads the stored spans of one trace: the skeletons of all spans, and the columns of some.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use sqlx::PgConnection;
use throughline_model::{ReadError, SpanOrder, span_order};
use throughline_wire::{SpanId, TraceId, UnixNanos};

use super::context::ReadContext;
use super::rows::SpanRow;
use super::span_facts::SpanFacts;
use crate::block::find::{self, TraceInBlocks, TracePart};
use crate::block::{ColumnKind, Columns, Corrupt, Directory};
use crate::ids::uuid;
use crate::sqlstate::read_error;

/// The columns that completeness needs besides the skeleton. Most spans have no value in them.
const FACT_KINDS: [ColumnKind; 6] = [
    ColumnKind::Process,
    ColumnKind::Sequence,
    ColumnKind::CutBytes,
    ColumnKind::DroppedAttributes,
    ColumnKind::DroppedEvents,
    ColumnKind::DroppedLinks,
];
/// The maximum size of the columns that are loaded at once to decode spans, in bytes. The columns
/// of one block may be larger.
const LOADED_BYTES: usize = 20 << 20;

/// Returns the blocks and times that may contain the spans of a trace. Returns `None` if the trace
/// does not exist.
pub(super) async fn locate(
    context: &mut ReadContext<'_>,
    trace_id: TraceId,
) -> Result<Option<TraceInBlocks>, ReadError> {
    let tenant = context.tenant;
    let row: Option<(i64, i64, i64)> = sqlx::query_as(
        "SELECT start_ns, end_ns, first_block_id FROM traces
         WHERE tenant_id = $1 AND trace_id = $2",
    )
    .bind(tenant)
    .bind(uuid(trace_id))
    .fetch_optional(&mut *context.connection)
    .await
    .map_err(read_error)?;
    Ok(
        row.map(|(first_ns, last_ns, first_block_id)| TraceInBlocks {
            tenant,
            trace_id: uuid(trace_id),
            first_block_id,
            first_ns,
            last_ns,
        }),
    )
}

/// A span without its columns, and its position.
#[derive(Debug, Clone, Copy)]
pub(super) struct StoredSpanHead {
    pub span_id: i64,
    pub parent_span_id: Option<i64>,
    pub operation_id: i64,
    pub start_ns: i64,
    pub duration_ns: i64,
    pub status: u8,
    pub has_events: bool,
    /// The index of the part that has the span. `place` is the index of the span in it.
    part: u32,
    place: u32,
}

impl StoredSpanHead {
    /// Returns the sort key of the span.
    pub(super) const fn order(&self) -> SpanOrder {
        span_order(
            UnixNanos::new(self.start_ns),
            self.duration_ns,
            self.span_id,
        )
    }
}

/// A part with its directory.
struct ReadPart {
    part: TracePart,
    directory: Arc<Directory>,
}

/// The skeletons of all spans of a trace. They take about 150 bytes of memory per span.
pub(super) struct StoredTrace {
    wanted: TraceInBlocks,
    parts: Vec<ReadPart>,
    /// The spans in the order of [`span_order`], then by position.
    pub heads: Vec<StoredSpanHead>,
    pub facts: SpanFacts,
}

impl StoredTrace {
    /// Reads the skeletons. Runs one statement, and one more for each block whose spans have
    /// sequence numbers, truncated values or dropped parts. Damaged parts are logged and left out.
    pub(super) async fn read(
        connection: &mut PgConnection,
        wanted: TraceInBlocks,
    ) -> Result<Self, ReadError> {
        let found = find::skeleton_parts(connection, wanted)
            .await
            .map_err(read_error)?;
        let mut trace = Self {
            wanted,
            parts: Vec::with_capacity(found.len()),
            heads: Vec::new(),
            facts: SpanFacts::default(),
        };
        for part in found {
            match part.directory() {
                Ok(directory) => {
                    let directory = Arc::new(directory);
                    trace.add(connection, ReadPart { part, directory }).await?;
                }
                Err(corrupt) => part.report(corrupt),
            }
        }
        trace
            .heads
            .sort_unstable_by_key(|head| (head.order(), head.part, head.place));
        Ok(trace)
    }

    async fn add(
        &mut self,
        connection: &mut PgConnection,
        read: ReadPart,
    ) -> Result<(), ReadError> {
        let ReadPart { part, directory } = &read;
        let mut columns = Columns::new(Arc::clone(directory));
        let kinds = part.columns_of_kinds(directory, &FACT_KINDS);
        let kinds = kinds.unwrap_or_default();
        if !kinds.is_empty() {
            find::load_columns(connection, self.wanted.tenant, part, &mut columns, &kinds)
                .await
                .map_err(read_error)?;
        }
        if let Err(corrupt) = part.decode(&columns, |record| self.facts.add(&record)) {
            part.report(corrupt);
        }
        if let Err(corrupt) = self.add_heads(&read) {
            read.part.report(corrupt);
        }
        self.parts.push(read);
        Ok(())
    }

    fn add_heads(&mut self, read: &ReadPart) -> Result<(), Corrupt> {
        let ReadPart { part, directory } = read;
        let has_events: Vec<bool> = directory
            .shapes
            .iter()
            .map(|shape| {
                let mut columns = shape.iter().map(|at| &directory.columns[*at as usize]);
                columns.any(|column| column.kind == ColumnKind::Events)
            })
            .collect();
        let shapes = part.shapes(directory)?;
        for ((place, span), shape) in (0..).zip(part.skeleton.spans(0)).zip(shapes) {
            let span = span?;
            self.heads.push(StoredSpanHead {
                span_id: span.span_id,
                parent_span_id: span.parent_span_id,
                operation_id: span.operation_id,
                start_ns: span.start_ns,
                duration_ns: span.duration_ns,
                status: span.status,
                has_events: has_events[*shape as usize],
                part: self.parts.len() as u32,
                place,
            });
        }
        Ok(())
    }

    /// Returns the IDs of the spans, and the IDs of their parents.
    pub(super) fn relations(&self) -> (HashSet<SpanId>, HashSet<SpanId>) {
        // An invalid ID is ignored: it cannot be the parent of a span.
        let ids = |ids: &mut dyn Iterator<Item = i64>| ids.flat_map(SpanId::from_i64).collect();
        let heads = || self.heads.iter();
        (
            ids(&mut heads().map(|head| head.span_id)),
            ids(&mut heads().filter_map(|head| head.parent_span_id)),
        )
    }

    /// Returns the number of leading spans of `heads` that can be decoded at once. The columns of
    /// their blocks together stay within [`LOADED_BYTES`]. It is at least one.
    pub(super) fn decodable(&self, heads: &[StoredSpanHead]) -> usize {
        let mut parts = BTreeSet::new();
        let mut bytes = 0;
        for (count, head) in heads.iter().enumerate() {
            if parts.insert(head.part) {
                bytes += TracePart::raw_bytes(&self.parts[head.part as usize].directory);
                if bytes > LOADED_BYTES && count > 0 {
                    return count;
                }
            }
        }
        heads.len()
    }

    /// Returns the encoded events of these spans, each with its span.
    pub(super) async fn events<'h>(
        &self,
        connection: &mut PgConnection,
        heads: &'h [StoredSpanHead],
        mut see: impl FnMut(&'h StoredSpanHead, &[u8]),
    ) -> Result<(), ReadError> {
        let mut heads: Vec<&StoredSpanHead> = heads.iter().collect();
        heads.sort_unstable_by_key(|head| (head.part, head.place));
        for of_part in heads.chunk_by(|a, b| a.part == b.part) {
            let ReadPart { part, directory } = &self.parts[of_part[0].part as usize];
            let mut columns = Columns::new(Arc::clone(directory));
            let kinds: Vec<usize> = directory.columns_of_kind(ColumnKind::Events).collect();
            find::load_columns(connection, self.wanted.tenant, part, &mut columns, &kinds)
                .await
                .map_err(read_error)?;
            let mut wanted = of_part.iter().peekable();
            let mut place = 0;
            let decoded = part.decode(&columns, |record| {
                if let Some(head) = wanted.next_if(|head| head.place == place) {
                    see(head, record.events);
                }
                place += 1;
            });
            if let Err(corrupt) = decoded {
                part.report(corrupt);
            }
        }
        Ok(())
    }

    /// Returns these spans with all their fields, each with its index in the input, in order.
    /// [`Self::decodable`] limits the number of spans per call. Spans of a damaged block are
    /// missing.
    pub(super) async fn rows(
        &self,
        connection: &mut PgConnection,
        heads: &[StoredSpanHead],
    ) -> Result<Vec<(usize, SpanRow)>, ReadError> {
        let keys = heads.iter().map(|head| (head.part, head.place));
        let wanted: HashMap<(u32, u32), usize> = keys.zip(0..).collect();
        let mut places: Vec<(u32, u32)> = wanted.keys().copied().collect();
        places.sort_unstable();
        let mut rows = Vec::with_capacity(heads.len());
        for of_part in places.chunk_by(|a, b| a.0 == b.0) {
            let at = of_part[0].0;
            let ReadPart { part, directory } = &self.parts[at as usize];
            let mut columns = Columns::new(Arc::clone(directory));
            let needed = match columns_of(part, directory, of_part) {
                Ok(needed) => needed,
                Err(corrupt) => {
                    part.report(corrupt);
                    continue;
                }
            };
            find::load_columns(connection, self.wanted.tenant, part, &mut columns, &needed)
                .await
                .map_err(read_error)?;
            // If a column is missing, the span is left out. Without one of its attributes it would
            // look complete.
            if !needed.iter().all(|column| columns.is_loaded(*column)) {
                continue;
            }
            let mut place = 0;
            let decoded = part.decode(&columns, |record| {
                if let Some(index) = wanted.get(&(at, place)) {
                    rows.push((*index, SpanRow::of(&record)));
                }
                place += 1;
            });
            if let Err(corrupt) = decoded {
                part.report(corrupt);
            }
        }
        rows.sort_unstable_by_key(|(index, _)| *index);
        Ok(rows)
    }
}

/// Returns the columns of the spans at these positions of a part.
fn columns_of(
    part: &TracePart,
    directory: &Directory,
    places: &[(u32, u32)],
) -> Result<Vec<usize>, Corrupt> {
    let shapes = part.shapes(directory)?;
    let mut columns = BTreeSet::new();
    for (_, place) in places {
        let shape = shapes.get(*place as usize).ok_or(Corrupt("directory"))?;
        let shape = directory.shapes.get(*shape as usize);
        let shape = shape.ok_or(Corrupt("directory"))?;
        columns.extend(shape.iter().map(|column| *column as usize));
    }
    Ok(columns.into_iter().collect())
}

/// Calls `see` for each span of a trace with this ID.
pub(super) async fn for_each_of_id(
    connection: &mut PgConnection,
    wanted: TraceInBlocks,
    span_id: SpanId,
    mut see: impl FnMut(SpanRow),
) -> Result<(), ReadError> {
    let parts = find::parts_with_span(connection, wanted, span_id.to_i64())
        .await
        .map_err(read_error)?;
    for part in parts {
        let decoded = part.for_each(|record| {
            if record.span_id == span_id.to_i64() {
                see(SpanRow::of(&record));
            }
        });
        if let Err(corrupt) = decoded {
            part.report(corrupt);
        }
    }
    Ok(())
}
