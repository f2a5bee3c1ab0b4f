//! Reads the parts of blocks that a search needs. It first reads the arrays of the skeleton and the
//! directory, then single frames of the columns. Each step runs one statement per batch of blocks.

use std::collections::HashMap;
use std::sync::Arc;

use sqlx::{FromRow, PgConnection};
use throughline_model::ReadError;
use uuid::Uuid;

use super::blocks::{BlockInfo, BlockKeys};
use super::plan::{Leaf, ScanPlan};
use super::predicate::Node;
use crate::block::checksums::{self, ChecksumRegion};
use crate::block::{Columns, Corrupt, Directory};
use crate::sqlstate::read_error;

/// The skeleton arrays that a plan reads.
#[expect(
    clippy::struct_excessive_bools,
    reason = "one for each array, in any combination"
)]
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Needs {
    operations: bool,
    statuses: bool,
    messages: bool,
    durations: bool,
    span_ids: bool,
    attributes: bool,
}

impl Needs {
    pub(super) fn of(plan: &ScanPlan) -> Self {
        let mut needs = Self::default();
        for leaf in &plan.leaves {
            if let Leaf::Span(node) = leaf {
                needs.note(node);
            }
        }
        needs
    }

    fn note(&mut self, node: &Node) {
        match node {
            Node::And(parts) | Node::Or(parts) => parts.iter().for_each(|part| self.note(part)),
            Node::Not(part) => self.note(part),
            Node::Operation(_) => self.operations = true,
            Node::Status(_) => self.statuses = true,
            Node::Message(_) => self.messages = true,
            Node::Duration(..) => self.durations = true,
            Node::SpanId(_) => self.span_ids = true,
            Node::Attribute(_) => self.attributes = true,
        }
    }
}

/// A block with the parts that were read.
#[derive(Debug)]
pub(super) struct LoadedBlock {
    pub info: Arc<BlockInfo>,
    pub skeleton: PartialSkeleton,
    /// The directory with the loaded frames. Empty if the plan has no attribute tests.
    pub columns: Columns,
}

/// The skeleton arrays that were read, see [`crate::block::Skeleton`].
#[derive(Debug, FromRow)]
pub(super) struct PartialSkeleton {
    id: i64,
    pub trace_ids: Vec<Uuid>,
    pub trace_ends: Vec<i32>,
    checksums: Vec<i32>,
    pub operations: Option<Vec<i64>>,
    pub operation_indexes: Option<Vec<i16>>,
    pub statuses: Option<Vec<i16>>,
    pub message_spans: Option<Vec<i32>>,
    pub messages: Option<Vec<String>>,
    pub durations: Option<Vec<i32>>,
    pub long_durations: Option<Vec<i64>>,
    pub span_ids: Option<Vec<i64>>,
    pub resources: Option<Vec<i64>>,
    pub scopes: Option<Vec<i64>>,
    directory: Option<Vec<u8>>,
}

impl PartialSkeleton {
    /// Returns the number of spans.
    pub(super) fn len(&self) -> usize {
        self.trace_ends
            .last()
            .map_or(0, |end| usize::try_from(*end).unwrap_or(0))
    }

    /// Checks that the lengths of the arrays match each other.
    fn check(&self, info: &BlockInfo, needs: Needs) -> Result<(), Corrupt> {
        let len = self.len();
        let is_len = |of: usize| of == len;
        let durations = self.durations.as_ref().map(Vec::len);
        let durations = durations.or(self.long_durations.as_ref().map(Vec::len));
        let is_whole = len == info.prune.span_count.unsigned_abs() as usize
            && self.trace_ids.len() == self.trace_ends.len()
            && self.trace_ids.is_sorted()
            && self.trace_ends.is_sorted()
            && self.trace_ends.first().is_none_or(|end| *end > 0)
            && self
                .operation_indexes
                .as_ref()
                .is_none_or(|all| is_len(all.len()))
            && self.statuses.as_ref().is_none_or(|all| is_len(all.len()))
            && self.span_ids.as_ref().is_none_or(|all| is_len(all.len()))
            && (!needs.durations || durations.is_some_and(is_len))
            && self.message_spans.as_ref().map(Vec::len) == self.messages.as_ref().map(Vec::len);
        if !is_whole {
            return Err(Corrupt("skeleton"));
        }
        self.verify(needs)
    }

    /// Checks that the arrays are unchanged since they were written.
    fn verify(&self, needs: Needs) -> Result<(), Corrupt> {
        let ids = |part: ChecksumRegion, ids: Option<&Vec<i64>>| match ids {
            Some(ids) => part.verify(&self.checksums, checksums::ids(ids)),
            None => Ok(()),
        };
        let small = |part: ChecksumRegion, numbers: Option<&Vec<i16>>| match numbers {
            Some(numbers) => part.verify(&self.checksums, checksums::small(numbers)),
            None => Ok(()),
        };
        let traces = checksums::traces(&self.trace_ids, &self.trace_ends);
        ChecksumRegion::Traces.verify(&self.checksums, traces)?;
        ids(ChecksumRegion::Operations, self.operations.as_ref())?;
        ids(ChecksumRegion::Resources, self.resources.as_ref())?;
        ids(ChecksumRegion::Scopes, self.scopes.as_ref())?;
        ids(ChecksumRegion::SpanIds, self.span_ids.as_ref())?;
        small(
            ChecksumRegion::OperationIndexes,
            self.operation_indexes.as_ref(),
        )?;
        small(ChecksumRegion::Statuses, self.statuses.as_ref())?;
        if let (Some(spans), Some(messages)) = (&self.message_spans, &self.messages) {
            let messages = checksums::messages(spans, messages);
            ChecksumRegion::Messages.verify(&self.checksums, messages)?;
        }
        if needs.durations {
            let durations =
                checksums::durations(self.durations.as_deref(), self.long_durations.as_deref());
            ChecksumRegion::Durations.verify(&self.checksums, durations)?;
        }
        Ok(())
    }
}

/// Returns the blocks with their skeletons and directories. Reports a damaged block to `damaged`.
pub(super) async fn skeletons(
    connection: &mut PgConnection,
    tenant: Uuid,
    blocks: &[Arc<BlockInfo>],
    needs: Needs,
    mut damaged: impl FnMut(&BlockInfo, Corrupt),
) -> Result<Vec<LoadedBlock>, ReadError> {
    let ids = |level: i16| -> Vec<i64> {
        let of_level = blocks.iter().filter(|block| block.key.level == level);
        of_level.map(|block| block.key.id).collect()
    };
    let upper = || blocks.iter().filter(|block| block.key.level == 1);
    let rows: Vec<PartialSkeleton> = sqlx::query_as(include_str!("skeletons.sql"))
        .bind(tenant)
        .bind(ids(0))
        .bind(
            upper()
                .map(|block| block.key.received_day)
                .collect::<Vec<_>>(),
        )
        .bind(upper().map(|block| block.key.class).collect::<Vec<_>>())
        .bind(ids(1))
        .bind(needs.operations)
        .bind(needs.statuses)
        .bind(needs.messages)
        .bind(needs.durations)
        .bind(needs.span_ids)
        .bind(needs.attributes)
        .fetch_all(connection)
        .await
        .map_err(read_error)?;
    let by_id: HashMap<i64, &Arc<BlockInfo>> =
        blocks.iter().map(|block| (block.key.id, block)).collect();
    let mut loaded = Vec::with_capacity(rows.len());
    for mut row in rows {
        let Some(info) = by_id.get(&row.id) else {
            continue;
        };
        let columns = match (row.check(info, needs), row.directory.take()) {
            (Err(corrupt), _) => Err(corrupt),
            (Ok(()), None) => Ok(Columns::default()),
            (Ok(()), Some(bytes)) => Directory::decode(&bytes).and_then(|directory| {
                if directory.shape_of.len() == row.len() {
                    Ok(Columns::new(directory))
                } else {
                    Err(Corrupt("directory"))
                }
            }),
        };
        match columns {
            Ok(columns) => loaded.push(LoadedBlock {
                info: Arc::clone(info),
                skeleton: row,
                columns,
            }),
            Err(corrupt) => damaged(info, corrupt),
        }
    }
    Ok(loaded)
}

#[derive(FromRow)]
struct FrameRow {
    place: i64,
    bytes: Vec<u8>,
}

/// Returns the stored bytes of frames. Each frame is given by block and frame number. The result
/// has the same order and an empty entry for a missing frame.
pub(super) async fn frames(
    connection: &mut PgConnection,
    tenant: Uuid,
    wanted: &[(&LoadedBlock, usize)],
) -> Result<Vec<Vec<u8>>, ReadError> {
    let mut stored = vec![Vec::new(); wanted.len()];
    if wanted.is_empty() {
        return Ok(stored);
    }
    let entries = || {
        let directories = wanted
            .iter()
            .map(|(block, frame)| (&block.columns.directory, *frame));
        directories.map(|(directory, frame)| directory.frames.get(frame))
    };
    let number = |size: Option<usize>| size.and_then(|size| i32::try_from(size).ok()).unwrap_or(0);
    let keys = BlockKeys::of(wanted.iter().map(|(block, _)| block.info.key));
    let rows: Vec<FrameRow> = sqlx::query_as(include_str!("frames.sql"))
        .bind(tenant)
        .bind(keys.levels)
        .bind(keys.days)
        .bind(keys.classes)
        .bind(keys.ids)
        .bind(
            entries()
                .map(|entry| number(entry.map(|entry| entry.offset)))
                .collect::<Vec<_>>(),
        )
        .bind(
            entries()
                .map(|entry| number(entry.map(|entry| entry.compressed_len)))
                .collect::<Vec<_>>(),
        )
        .fetch_all(connection)
        .await
        .map_err(read_error)?;
    for row in rows {
        let place = usize::try_from(row.place)
            .ok()
            .and_then(|place| place.checked_sub(1));
        if let Some(slot) = place.and_then(|place| stored.get_mut(place)) {
            *slot = row.bytes;
        }
    }
    Ok(stored)
}
