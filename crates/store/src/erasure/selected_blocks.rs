//! Finds the blocks that hold spans of selected traces.
//!
//! The trace list of a block gives its traces; its checksum is verified first. A block whose list
//! cannot be read or does not match its checksum is reported: its traces are unknown.

use std::collections::HashSet;

use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

use crate::block::checksums::{self, ChecksumRegion};
use crate::block::table::{BUCKET, BlockPartition, report_corrupt, report_unreadable};
use crate::block::{Corrupt, PruneData};
use crate::sqlstate::is_damage;

/// The number of blocks whose lists are read together. A list takes 20 bytes for each trace, and a
/// block has up to 8,192 traces.
const CHUNK: usize = 32;

/// Selected traces of one tenant, in the blocks before a given block.
#[derive(Debug)]
pub(super) struct ErasureSelection<'a> {
    pub tenant: Uuid,
    pub trace_ids: &'a [Uuid],
    /// The least id of the blocks that are not touched.
    pub before_id: i64,
    /// The same traces as a set, for look-ups.
    wanted: HashSet<Uuid>,
}

impl<'a> ErasureSelection<'a> {
    pub(super) fn new(tenant: Uuid, trace_ids: &'a [Uuid], before_id: i64) -> Self {
        Self {
            tenant,
            trace_ids,
            before_id,
            wanted: trace_ids.iter().copied().collect(),
        }
    }

    /// Returns the least and the greatest of the traces.
    fn range(&self) -> Option<(Uuid, Uuid)> {
        let ids = || self.trace_ids.iter().copied();
        ids().min().zip(ids().max())
    }
}

/// The table, or partition, and the id of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub(super) struct BlockLocation {
    /// Day and class of its partition; `None` in level 0.
    received_day: Option<i32>,
    class: Option<i16>,
    pub id: i64,
}

impl BlockLocation {
    pub(super) fn partition(self) -> Option<BlockPartition> {
        Some(BlockPartition {
            received_day: self.received_day?,
            class: self.class?,
        })
    }
}

/// Returns the blocks of the tenant, table by table; each takes 24 bytes.
pub(super) async fn all_blocks(
    connection: &mut PgConnection,
    selection: &ErasureSelection<'_>,
) -> Result<Vec<BlockLocation>, sqlx::Error> {
    sqlx::query_as(include_str!("all_blocks.sql"))
        .bind(selection.tenant)
        .bind(selection.before_id)
        .bind(BUCKET)
        .fetch_all(connection)
        .await
}

/// Splits blocks into chunks whose lists are read together; a chunk has blocks of one table.
pub(super) fn chunks(locations: &[BlockLocation]) -> impl Iterator<Item = &[BlockLocation]> {
    let of_table = locations.chunk_by(|a, b| a.partition() == b.partition());
    of_table.flat_map(|locations| locations.chunks(CHUNK))
}

/// The blocks that hold spans of the selected traces.
#[derive(Debug, Default)]
pub(super) struct Selected {
    pub locations: Vec<BlockLocation>,
    /// The number of blocks whose list cannot be read.
    pub damaged_blocks: u64,
}

/// Selects the blocks with spans of the traces, from blocks of one table.
pub(super) async fn selected_blocks(
    connection: &mut PgConnection,
    selection: &ErasureSelection<'_>,
    locations: &[BlockLocation],
) -> Result<Selected, sqlx::Error> {
    let mut selected = Selected::default();
    let Some(range) = selection.range() else {
        return Ok(selected);
    };
    let everything = (Uuid::nil(), Uuid::max());
    let mut lists = Vec::new();
    for list in read_lists(connection, selection, locations, range, &mut selected).await? {
        if list.trace_ids.is_some() || list.prune.verify(&list.checksums).is_ok() {
            lists.push(list);
        } else if let Some(&location) = locations.iter().find(|location| location.id == list.id) {
            // The stored range of the block's traces is damaged.
            lists.extend(
                read_lists(
                    connection,
                    selection,
                    &[location],
                    everything,
                    &mut selected,
                )
                .await?,
            );
        }
    }
    for list in lists {
        match list.has_any(&selection.wanted) {
            Ok(true) => selected
                .locations
                .extend(locations.iter().filter(|location| location.id == list.id)),
            Ok(false) => {}
            Err(corrupt) => {
                report_corrupt(list.id, &list.prune, corrupt);
                selected.damaged_blocks += 1;
            }
        }
    }
    Ok(selected)
}

/// The traces of a block.
#[derive(FromRow)]
struct TraceList {
    id: i64,
    #[sqlx(flatten)]
    prune: PruneData,
    checksums: Vec<i32>,
    /// `None` when the traces lie outside of the requested range.
    trace_ids: Option<Vec<Uuid>>,
    trace_ends: Option<Vec<i32>>,
}

impl TraceList {
    fn has_any(&self, wanted: &HashSet<Uuid>) -> Result<bool, Corrupt> {
        let (Some(ids), Some(ends)) = (&self.trace_ids, &self.trace_ends) else {
            return Ok(false);
        };
        ChecksumRegion::Traces.verify(&self.checksums, checksums::traces(ids, ends))?;
        Ok(ids.iter().any(|id| wanted.contains(id)))
    }
}

/// Reads the trace lists of blocks of one table. A list that cannot be read is reported and left
/// out.
async fn read_lists(
    connection: &mut PgConnection,
    selection: &ErasureSelection<'_>,
    locations: &[BlockLocation],
    range: (Uuid, Uuid),
    selected: &mut Selected,
) -> Result<Vec<TraceList>, sqlx::Error> {
    match try_to_read_lists(connection, selection, locations, range).await {
        Err(error) if is_damage(&error) => {}
        result => return result,
    }
    let mut lists = Vec::new();
    for location in locations {
        let one = core::slice::from_ref(location);
        match try_to_read_lists(connection, selection, one, range).await {
            Ok(list) => lists.extend(list),
            Err(error) if is_damage(&error) => {
                report_unreadable(location.id, None, &error);
                selected.damaged_blocks += 1;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(lists)
}

async fn try_to_read_lists(
    connection: &mut PgConnection,
    selection: &ErasureSelection<'_>,
    locations: &[BlockLocation],
    (first, last): (Uuid, Uuid),
) -> Result<Vec<TraceList>, sqlx::Error> {
    let partition = locations.first().and_then(|location| location.partition());
    let ids: Vec<i64> = locations.iter().map(|location| location.id).collect();
    sqlx::query_as(include_str!("trace_lists.sql"))
        .bind(selection.tenant)
        .bind(BUCKET)
        .bind(ids)
        .bind(partition.map(|partition| partition.received_day))
        .bind(partition.map(|partition| partition.class))
        .bind(first)
        .bind(last)
        .fetch_all(connection)
        .await
}
