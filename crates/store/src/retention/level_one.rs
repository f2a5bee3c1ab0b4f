//! Finds the spans of a partition of level 1 that are kept: those of traces that have a row. Blocks of kept
//! traces alone are copied as they are; of the others the kept spans are merged into new blocks.

use std::collections::{BTreeSet, HashSet};

use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::copied_block::{self, CopiedBlock};
use super::damaged::Damaged;
use super::kept::{Keep, RowCounts};
use super::partition::Partition;
use crate::block::table::{BUCKET, BlockPartition, StoredBlock, insert_into_copy};
use crate::compaction::{self, Fate, Fates, Merged};

/// So many spans and bytes of columns are merged at once at most, unless one block has more.
const MAX_MERGED_SPANS: i64 = 65_536;
const MAX_MERGED_BYTES: i64 = 32 << 20;

/// The traces of a partition's blocks; `t` is the row of a trace that is kept, or NULL. Spans in
/// blocks that are older than the row are those of a removed trace of the same id.
fn traces(partition: &Partition, keep: Keep) -> String {
    let table = &partition.table;
    let kept = match keep {
        Keep::Directory { .. } => "traces AS t",
        Keep::Pinned => "(traces AS t JOIN pins USING (tenant_id, trace_id))",
    };
    format!(
        "FROM {table} AS b CROSS JOIN LATERAL unnest(b.trace_ids) AS part (trace_id) \
         LEFT JOIN {kept} ON t.tenant_id = b.tenant_id AND t.trace_id = part.trace_id \
             AND t.first_block_id <= b.id"
    )
}

pub(super) async fn counts(
    connection: &mut PgConnection,
    partition: &Partition,
    keep: Keep,
    damaged: &Damaged,
) -> Result<RowCounts, sqlx::Error> {
    let traces = traces(partition, keep);
    // A damaged block is kept as a whole.
    sqlx::query_as(AssertSqlSafe(format!(
        "SELECT coalesce(sum(total), 0)::bigint AS total,
             coalesce(sum(CASE WHEN kept > 0 AND id = ANY ($1) THEN total ELSE kept END), 0)::bigint
                 AS kept,
             0::bigint AS waiting
         FROM (
             SELECT b.id, count(*) AS total, count(t.trace_id) AS kept {traces} GROUP BY b.id
         ) AS block"
    )))
    .bind(damaged.ids())
    .fetch_one(connection)
    .await
}

/// Returns the blocks of which a condition on the kept traces `t` holds, by tenant.
async fn listed(
    connection: &mut PgConnection,
    partition: &Partition,
    keep: Keep,
    damaged: &Damaged,
    condition: &'static str,
) -> Result<Vec<CopiedBlock>, sqlx::Error> {
    let traces = traces(partition, keep);
    sqlx::query_as(AssertSqlSafe(format!(
        "SELECT b.tenant_id, b.id, count(*) = count(t.trace_id) OR b.id = ANY ($1) AS is_whole,
             b.first_start_ns, b.last_start_ns, b.span_count::bigint AS span_count,
             octet_length(b.columns)::bigint AS byte_count
         {traces}
         GROUP BY b.tenant_id, b.id, b.first_start_ns, b.last_start_ns, b.span_count,
             octet_length(b.columns)
         HAVING {condition} ORDER BY b.tenant_id, b.id"
    )))
    .bind(damaged.ids())
    .fetch_all(connection)
    .await
}

/// Returns the blocks with traces that are not kept, by tenant, without damaged blocks.
pub(super) async fn blocks_with_removed_traces(
    connection: &mut PgConnection,
    partition: &Partition,
    keep: Keep,
    damaged: &Damaged,
) -> Result<Vec<CopiedBlock>, sqlx::Error> {
    let condition = "count(t.trace_id) < count(*) AND b.id <> ALL ($1)";
    listed(connection, partition, keep, damaged, condition).await
}

/// Inserts the kept spans of `partition` into `copy`, in the transaction that `connection` is in.
pub(super) async fn copy_kept(
    connection: &mut PgConnection,
    partition: &Partition,
    copy: &str,
    keep: Keep,
    damaged: &mut Damaged,
) -> Result<(), sqlx::Error> {
    let blocks = listed(
        connection,
        partition,
        keep,
        damaged,
        "count(t.trace_id) > 0",
    )
    .await?;
    let (whole, parts): (Vec<_>, Vec<_>) = blocks.into_iter().partition(|block| block.is_whole);
    copy_whole(connection, partition, copy, &whole).await?;
    for of_tenant in parts.chunk_by(|a, b| a.tenant_id == b.tenant_id) {
        let mut rest = of_tenant;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(mergeable(rest));
            let done = merge_parts(connection, partition, copy, keep, now, damaged).await?;
            // What did not fit into memory is merged next.
            rest = if done < now.len() {
                &rest[done..]
            } else {
                later
            };
        }
    }
    Ok(())
}

/// Returns how many of the blocks are merged at once; one at least.
pub(super) fn mergeable(blocks: &[CopiedBlock]) -> usize {
    let (mut spans, mut bytes) = (0, 0);
    let fitting = blocks.iter().take_while(|block| {
        spans += block.span_count;
        bytes += block.byte_count;
        spans <= MAX_MERGED_SPANS && bytes <= MAX_MERGED_BYTES
    });
    fitting.count().max(1)
}

async fn copy_whole(
    connection: &mut PgConnection,
    partition: &Partition,
    copy: &str,
    blocks: &[CopiedBlock],
) -> Result<(), sqlx::Error> {
    let table = &partition.table;
    let (tenants, ids): (Vec<Uuid>, Vec<i64>) = blocks
        .iter()
        .map(|block| (block.tenant_id, block.id))
        .unzip();
    sqlx::query(AssertSqlSafe(format!(
        "INSERT INTO {copy} SELECT b.* FROM {table} AS b
         JOIN unnest($1::uuid[], $2::bigint[]) AS k (tenant_id, id) USING (tenant_id, id)
         WHERE b.received_day = $3 AND b.class = $4 AND b.bucket = $5"
    )))
    .bind(tenants)
    .bind(ids)
    .bind(partition.received_day())
    .bind(partition.class)
    .bind(BUCKET)
    .execute(connection)
    .await?;
    Ok(())
}

/// Loads some blocks of one tenant, at least one, and merges their kept spans into new blocks.
pub(super) async fn merged(
    connection: &mut PgConnection,
    partition: &Partition,
    keep: Keep,
    parts: &[CopiedBlock],
    damaged: &mut Damaged,
) -> Result<(Vec<StoredBlock>, Merged), sqlx::Error> {
    let tenant = parts[0].tenant_id;
    let blocks = copied_block::load(connection, partition, parts, damaged).await?;
    let fates = fates(connection, partition, keep, tenant, &blocks).await?;
    compaction::in_background(move || {
        let merged = compaction::merge(&blocks, &fates)?;
        Ok((blocks, merged))
    })
    .await
}

/// Merges the kept spans of some blocks of one tenant into new blocks; returns how many of the
/// blocks, from the first on, that were. A damaged block is copied as it is.
async fn merge_parts(
    connection: &mut PgConnection,
    partition: &Partition,
    copy: &str,
    keep: Keep,
    parts: &[CopiedBlock],
    damaged: &mut Damaged,
) -> Result<usize, sqlx::Error> {
    let tenant = parts[0].tenant_id;
    let (blocks, merged) = merged(connection, partition, keep, parts, damaged).await?;
    let Merged {
        blocks: new,
        damaged: corrupt,
        end,
        ..
    } = merged;
    // A trace that is stored again from now on gets a greater id: nobody but this run removes traces.
    let ids: Vec<i64> =
        sqlx::query_scalar("SELECT nextval('block_ids') FROM generate_series(1, $1)")
            .bind(new.len() as i64)
            .fetch_all(&mut *connection)
            .await?;
    for (id, (class, block)) in ids.into_iter().zip(new) {
        let partition = BlockPartition {
            received_day: partition.received_day(),
            class,
        };
        insert_into_copy(connection, copy, tenant, id, partition, block).await?;
    }
    // Those that could not be loaded, and those that could not be decoded.
    let loaded: HashSet<i64> = blocks.iter().map(|block| block.id).collect();
    let mut left = HashSet::new();
    for (position, corrupt) in corrupt {
        damaged.report(&blocks[position], corrupt);
        left.insert(blocks[position].id);
    }
    // Blocks from here on are left for the next time.
    let next = blocks.get(end).map(|block| block.id);
    let done = next
        .and_then(|next| parts.iter().position(|block| block.id == next))
        .unwrap_or(parts.len());
    let left: Vec<CopiedBlock> = parts[..done]
        .iter()
        .filter(|block| left.contains(&block.id) || !loaded.contains(&block.id))
        .copied()
        .collect();
    copy_whole(connection, partition, copy, &left).await?;
    Ok(done)
}

/// The kept traces of the blocks; all stay in this partition.
pub(super) async fn fates(
    connection: &mut PgConnection,
    partition: &Partition,
    keep: Keep,
    tenant: Uuid,
    blocks: &[StoredBlock],
) -> Result<Fates, sqlx::Error> {
    let traces = blocks.iter().flat_map(|block| &block.skeleton.trace_ids);
    let traces: BTreeSet<Uuid> = traces.copied().collect();
    let rows: Vec<(Uuid, i64)> = sqlx::query_as(
        "SELECT trace_id, first_block_id FROM traces AS t
         WHERE tenant_id = $1 AND trace_id = ANY ($2)
             AND (NOT $3 OR EXISTS (
                 SELECT FROM pins WHERE pins.tenant_id = $1 AND pins.trace_id = t.trace_id
             ))",
    )
    .bind(tenant)
    .bind(traces.into_iter().collect::<Vec<_>>())
    .bind(keep == Keep::Pinned)
    .fetch_all(connection)
    .await?;
    let class = partition.class;
    let fate = |(trace_id, first_block_id)| {
        let fate = Fate {
            first_block_id,
            class,
        };
        (trace_id, fate)
    };
    Ok(rows.into_iter().map(fate).collect())
}
