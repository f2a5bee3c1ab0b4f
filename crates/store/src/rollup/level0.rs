//! Counts the spans of level 0 from the skeletons of its blocks.

use std::collections::HashSet;

use futures::TryStreamExt as _;
use sqlx::{FromRow, PgConnection};
use throughline_model::{ReadError, RollupWindow};
use uuid::Uuid;

use super::counts::{Counts, is_error};
use crate::block::checksums::{self, ChecksumRegion};
use crate::block::table::report_corrupt;
use crate::block::{Corrupt, PruneData};
use crate::sqlstate::read_error;

/// The conditions on the spans to count.
pub(super) struct Level0Selection<'a> {
    pub tenant: Uuid,
    pub window: RollupWindow,
    /// The start of the range of span starts, in ns. The end `to_ns` is exclusive.
    pub from_ns: i64,
    pub to_ns: i64,
    /// The operations whose spans are counted. `None` counts all.
    pub operations: Option<&'a [i64]>,
    /// The minimum number of keys (window and operation) to count completely, newest first. Older
    /// keys may be dropped to limit memory.
    pub most: usize,
}

/// The arrays of a block that the counts need, see [`crate::block::Skeleton`].
#[derive(FromRow)]
struct Arrays {
    id: i64,
    #[sqlx(flatten)]
    prune: PruneData,
    checksums: Vec<i32>,
    trace_ids: Vec<Uuid>,
    trace_ends: Vec<i32>,
    trace_starts_ns: Vec<i64>,
    operations: Vec<i64>,
    operation_indexes: Vec<i16>,
    statuses: Vec<i16>,
    start_offsets: Option<Vec<i32>>,
    long_start_offsets: Option<Vec<i64>>,
    durations: Option<Vec<i32>>,
    long_durations: Option<Vec<i64>>,
}

struct Span {
    operation_id: i64,
    start_ns: i64,
    duration_ns: i64,
    is_error: bool,
}

/// Counts the spans of level 0. Holds one block in memory at a time. Damaged blocks are logged and
/// left out.
pub(super) async fn count(
    connection: &mut PgConnection,
    selection: &Level0Selection<'_>,
) -> Result<Counts, ReadError> {
    let mut counts = Counts::new(selection.window);
    let wanted: Option<HashSet<i64>> = selection
        .operations
        .map(|ids| ids.iter().copied().collect());
    let mut blocks = sqlx::query_as::<_, Arrays>(include_str!("level0.sql"))
        .bind(selection.tenant)
        .bind(selection.from_ns)
        .bind(selection.to_ns)
        .fetch(connection);
    while let Some(block) = blocks.try_next().await.map_err(read_error)? {
        let spans = match block.spans() {
            Ok(spans) => spans,
            Err(corrupt) => {
                report_corrupt(block.id, &block.prune, corrupt);
                continue;
            }
        };
        for span in spans {
            if (selection.from_ns..selection.to_ns).contains(&span.start_ns)
                && wanted
                    .as_ref()
                    .is_none_or(|ids| ids.contains(&span.operation_id))
            {
                counts.add(
                    span.operation_id,
                    span.start_ns,
                    span.duration_ns,
                    span.is_error,
                );
            }
        }
        counts.trim(selection.most);
    }
    Ok(counts)
}

impl Arrays {
    /// Returns the spans.
    ///
    /// # Errors
    /// Returns [`Corrupt`] if an array changed since it was written.
    fn spans(&self) -> Result<Vec<Span>, Corrupt> {
        self.verify()?;
        self.spans_in_arrays().ok_or(Corrupt("skeleton"))
    }

    /// Checks that the arrays are unchanged since they were written.
    fn verify(&self) -> Result<(), Corrupt> {
        self.prune.verify(&self.checksums)?;
        let traces = checksums::traces(&self.trace_ids, &self.trace_ends);
        let starts = checksums::starts(
            &self.trace_starts_ns,
            self.start_offsets.as_deref(),
            self.long_start_offsets.as_deref(),
        );
        let durations =
            checksums::durations(self.durations.as_deref(), self.long_durations.as_deref());
        for (part, checksum) in [
            (ChecksumRegion::Traces, traces),
            (ChecksumRegion::Starts, starts),
            (ChecksumRegion::Durations, durations),
            (ChecksumRegion::Operations, checksums::ids(&self.operations)),
            (
                ChecksumRegion::OperationIndexes,
                checksums::small(&self.operation_indexes),
            ),
            (ChecksumRegion::Statuses, checksums::small(&self.statuses)),
        ] {
            part.verify(&self.checksums, checksum)?;
        }
        Ok(())
    }

    /// Returns the spans. Returns `None` if an array is too short.
    fn spans_in_arrays(&self) -> Option<Vec<Span>> {
        let mut spans = Vec::with_capacity(self.statuses.len());
        for (&end, &trace_start_ns) in self.trace_ends.iter().zip(&self.trace_starts_ns) {
            for at in spans.len()..usize::try_from(end).ok()? {
                let operation = usize::try_from(*self.operation_indexes.get(at)?).ok()?;
                let offset = number(
                    self.start_offsets.as_ref(),
                    self.long_start_offsets.as_ref(),
                    at,
                )?;
                spans.push(Span {
                    operation_id: *self.operations.get(operation)?,
                    start_ns: trace_start_ns.wrapping_add(offset),
                    duration_ns: number(self.durations.as_ref(), self.long_durations.as_ref(), at)?,
                    is_error: is_error(u8::try_from(*self.statuses.get(at)?).ok()?),
                });
            }
        }
        (spans.len() == self.statuses.len()).then_some(spans)
    }
}

/// Returns the number at this position. One of the two arrays holds it.
fn number(narrow: Option<&Vec<i32>>, wide: Option<&Vec<i64>>, at: usize) -> Option<i64> {
    match narrow {
        Some(narrow) => narrow.get(at).copied().map(i64::from),
        None => wide?.get(at).copied(),
    }
}
