//! Decodes the spans of a block.

use std::fmt::Write as _;

use throughline_wire::AttributeValue;

use super::kind::{ColumnKind, append_attribute};
use super::record::{DroppedCounts, IngestMetadata, SpanRecord};
use super::values::{Columns, Values};
use super::{Corrupt, PruneData, Skeleton};
use crate::varint;

const WHAT: Corrupt = Corrupt("columns");

/// Decodes the spans of a block, trace by trace.
pub(crate) struct SpanDecoder<'a> {
    skeleton: &'a Skeleton,
    resources: &'a [i64],
    scopes: &'a [i64],
    columns: &'a Columns,
    /// The cursor of each column. It is at the values of the span at `position`. `None` if the
    /// column is not loaded: the decoder then leaves out its values.
    cursors: Vec<Option<Values<'a>>>,
    /// The position in the block of the first span of the skeleton.
    base: usize,
    position: usize,
    attributes: Vec<u8>,
}

impl<'a> SpanDecoder<'a> {
    /// Creates a decoder for a whole block.
    ///
    /// # Errors
    /// Returns [`Corrupt`] if the parts of the block do not match each other.
    pub(crate) fn new(
        prune: &'a PruneData,
        skeleton: &'a Skeleton,
        columns: &'a Columns,
    ) -> Result<Self, Corrupt> {
        if columns.directory.shape_of.len() != skeleton.len() {
            return Err(WHAT);
        }
        Self::new_at(prune, skeleton, columns, 0)
    }

    /// Creates a decoder for the part of a block that starts at span `base`. The skeleton must be
    /// the skeleton of that part.
    ///
    /// # Errors
    /// Returns the errors of [`Self::new`].
    pub(crate) fn new_at(
        prune: &'a PruneData,
        skeleton: &'a Skeleton,
        columns: &'a Columns,
        base: usize,
    ) -> Result<Self, Corrupt> {
        let cursor = |column| {
            let is_loaded = columns.is_loaded(column);
            is_loaded.then(|| columns.values(column)).transpose()
        };
        Ok(Self {
            skeleton,
            resources: &prune.resources,
            scopes: &prune.scopes,
            columns,
            cursors: (0..columns.directory.columns.len())
                .map(cursor)
                .collect::<Result<_, _>>()?,
            base,
            position: 0,
            attributes: Vec::new(),
        })
    }

    /// Calls `see` for each span of a trace. The caller must request traces in order. For each
    /// trace in between, the decoder must skip the values.
    ///
    /// # Errors
    /// Returns [`Corrupt`] if the block is damaged.
    pub(crate) fn trace(
        &mut self,
        trace: usize,
        mut see: impl FnMut(SpanRecord<'_>),
    ) -> Result<(), Corrupt> {
        let range = self.skeleton.range(trace).ok_or(Corrupt("skeleton"))?;
        self.skip_to(self.base + range.start)?;
        let skeleton = self.skeleton;
        for span in skeleton.spans(trace) {
            let span = span?;
            let record = SpanRecord {
                trace_id: span.trace_id,
                span_id: span.span_id,
                parent_span_id: span.parent_span_id,
                operation_id: span.operation_id,
                service_id: span.service_id,
                resource_id: 0,
                scope_id: 0,
                start_ns: span.start_ns,
                duration_ns: span.duration_ns,
                status: span.status,
                flags: span.flags,
                dropped: DroppedCounts::default(),
                trace_state: "",
                status_message: span.status_message,
                attributes: &[],
                events: &[],
                links: &[],
                payloads: &[],
                ingest: IngestMetadata::default(),
            };
            let record = self.filled(record)?;
            see(SpanRecord {
                attributes: &self.attributes,
                ..record
            });
        }
        Ok(())
    }

    /// Calls `see` for all spans.
    ///
    /// # Errors
    /// Returns [`Corrupt`] if the block is damaged.
    pub(crate) fn all(mut self, mut see: impl FnMut(SpanRecord<'_>)) -> Result<(), Corrupt> {
        for trace in 0..self.skeleton.trace_ids.len() {
            self.trace(trace, &mut see)?;
        }
        Ok(())
    }

    fn skip_to(&mut self, position: usize) -> Result<(), Corrupt> {
        let directory = &self.columns.directory;
        let skipped = directory.shape_of.get(self.position..position);
        let mut counts = vec![0_usize; directory.shapes.len()];
        for shape in skipped.ok_or(WHAT)? {
            counts[*shape as usize] += 1;
        }
        for (shape, count) in counts
            .into_iter()
            .enumerate()
            .filter(|(_, count)| *count > 0)
        {
            for &column in &directory.shapes[shape] {
                let cursor = self.cursors.get_mut(column as usize).ok_or(WHAT)?;
                if let Some(cursor) = cursor {
                    for _ in 0..count {
                        cursor.next()?;
                    }
                }
            }
        }
        self.position = position;
        Ok(())
    }

    /// Fills the record with the next values of its columns. The buffer holds the attributes.
    fn filled(&mut self, mut record: SpanRecord<'a>) -> Result<SpanRecord<'a>, Corrupt> {
        self.attributes.clear();
        let directory = &self.columns.directory;
        let shape = directory.shape_of.get(self.position).ok_or(WHAT)?;
        self.position += 1;
        for &column in &directory.shapes[*shape as usize] {
            let entry = &directory.columns[column as usize];
            let Some(cursor) = &mut self.cursors[column as usize] else {
                continue;
            };
            match entry.kind {
                ColumnKind::Resource => record.resource_id = listed(self.resources, cursor)?,
                ColumnKind::Scope => record.scope_id = listed(self.scopes, cursor)?,
                ColumnKind::Received => {
                    let since = cursor.next_number()?;
                    record.ingest.received_ns = directory.received_base_ns.wrapping_add(since);
                }
                ColumnKind::DroppedAttributes => {
                    record.dropped.attributes = cursor.next_number()? as u32;
                }
                ColumnKind::DroppedEvents => record.dropped.events = cursor.next_number()? as u32,
                ColumnKind::DroppedLinks => record.dropped.links = cursor.next_number()? as u32,
                ColumnKind::Process => record.ingest.process_id = Some(cursor.next_number()?),
                ColumnKind::Sequence => record.ingest.sequence = Some(cursor.next_number()?),
                ColumnKind::ClockOffset => {
                    record.ingest.clock_offset_ns = Some(cursor.next_number()?);
                }
                ColumnKind::ClockError => {
                    record.ingest.clock_error_ns = Some(cursor.next_number()?);
                }
                ColumnKind::CutBytes => record.ingest.cut_bytes = Some(cursor.next_number()?),
                ColumnKind::TraceState => {
                    record.trace_state = core::str::from_utf8(cursor.next()?).map_err(|_| WHAT)?;
                }
                ColumnKind::Events => record.events = cursor.next()?,
                ColumnKind::Links => record.links = cursor.next()?,
                ColumnKind::Payloads => record.payloads = cursor.next()?,
                ColumnKind::AllAttributes => self.attributes.extend_from_slice(cursor.next()?),
                kind => append_attribute(kind, &entry.key, cursor.next()?, &mut self.attributes),
            }
        }
        Ok(record)
    }
}

fn listed(ids: &[i64], cursor: &mut Values<'_>) -> Result<i64, Corrupt> {
    let index = usize::try_from(cursor.next_number()?).map_err(|_| WHAT)?;
    ids.get(index).copied().ok_or(WHAT)
}

/// Returns the canonical text of a value in a column. Filters store this text, and an equality
/// condition compares it. Formats a number into `buffer`. Returns `None` for byte strings and for
/// values without a text.
pub(crate) fn canonical_text<'a>(
    kind: ColumnKind,
    value: &'a [u8],
    buffer: &'a mut String,
) -> Option<&'a [u8]> {
    buffer.clear();
    match kind {
        ColumnKind::Text => return Some(value),
        ColumnKind::Bool => return Some(if value == [1] { b"true" } else { b"false" }),
        // Writing to a string cannot fail.
        ColumnKind::Int => drop(write!(buffer, "{}", int(value)?)),
        ColumnKind::Double => drop(write!(buffer, "{}", double(value)?)),
        _ => return None,
    }
    Some(buffer.as_bytes())
}

/// Returns the integer of a value in a column of [`ColumnKind::Int`].
pub(crate) fn int(value: &[u8]) -> Option<i64> {
    varint::take(&mut &*value).map(|number| number as i64)
}

/// Returns the number of a value in a column of [`ColumnKind::Double`].
pub(crate) fn double(value: &[u8]) -> Option<f64> {
    Some(f64::from_le_bytes(value.try_into().ok()?))
}

/// Returns the canonical text of a decoded scalar.
pub(crate) fn value_text(value: &AttributeValue) -> Option<String> {
    match value {
        AttributeValue::Str(text) => Some(text.to_string()),
        AttributeValue::Bool(truth) => Some(truth.to_string()),
        AttributeValue::Int(number) => Some(number.to_string()),
        AttributeValue::Double(number) => Some(number.to_string()),
        _ => None,
    }
}
