//! Finds the large values that are kept: those that a kept span or event of their day refers to.
//!
//! Spans and events say so in a column that only this server writes, see [`payload_refs`]; the
//! database cannot read it, so the references are read here, and the values they name go back as
//! arrays.

use std::collections::HashSet;

use futures::TryStreamExt as _;
use sqlx::{AssertSqlSafe, FromRow, PgConnection};
use uuid::Uuid;

use super::damaged::Damaged;
use super::kept::{Keep, MAX_REFERRED, RowCounts, Unknown, count};
use super::partition::{Parent, Partition};
use crate::block::table::{STORED_BLOCK_COLUMNS, StoredBlock};
use crate::block::{ColumnKind, Corrupt};
use crate::day::day_ns;
use crate::payload_refs;
use crate::sqlstate::is_damage;

/// The values of a partition that are referred to, column by column.
#[derive(Default)]
struct ReferredPayloads {
    tenants: Vec<Uuid>,
    hashes: Vec<Uuid>,
    days: Vec<i64>,
}

/// Tenant, hash, day.
type ReferredKey = (Uuid, Uuid, i64);

/// Joins the rows `s` with what is referred to.
const REFERRED: &str = "JOIN unnest($1::uuid[], $2::uuid[], $3::bigint[])
     AS k (tenant_id, hash, day_ns)
     ON k.tenant_id = s.tenant_id AND k.hash = s.hash AND k.day_ns = s.day_ns";

/// How many values there are, and how many of them are kept.
pub(super) async fn counts(
    connection: &mut PgConnection,
    partition: &Partition,
    keep: Keep,
    damaged: &mut Damaged,
) -> Result<RowCounts, sqlx::Error> {
    let total = count(connection, partition).await?;
    let counts = |kept, unknown| RowCounts {
        total,
        kept,
        waiting: 0,
        pins: 0,
        version: 0,
        unknown,
    };
    if total == 0 {
        return Ok(counts(0, None));
    }
    let referred = match referred(connection, partition, keep, damaged).await? {
        Ok(referred) => referred,
        Err(unknown) => return Ok(counts(total, Some(unknown))),
    };
    let table = &partition.table;
    let sql = format!("SELECT count(*) FROM {table} AS s {REFERRED}");
    let kept: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind(referred.tenants)
        .bind(referred.hashes)
        .bind(referred.days)
        .fetch_one(connection)
        .await?;
    Ok(counts(kept, None))
}

/// Inserts the kept values of `partition` into `copy`.
pub(super) async fn copy_kept(
    connection: &mut PgConnection,
    partition: &Partition,
    copy: &str,
    keep: Keep,
    damaged: &mut Damaged,
) -> Result<(), sqlx::Error> {
    let referred = referred(connection, partition, keep, damaged).await?;
    let table = &partition.table;
    let all = format!("INSERT INTO {copy} SELECT s.* FROM {table} AS s");
    let query = match referred {
        Err(_) => sqlx::query(AssertSqlSafe(all)),
        Ok(referred) => sqlx::query(AssertSqlSafe(format!("{all} {REFERRED}")))
            .bind(referred.tenants)
            .bind(referred.hashes)
            .bind(referred.days),
    };
    query.execute(connection).await?;
    Ok(())
}

/// A number that is another one once other spans or events may refer to values of the partition.
pub(super) async fn referrers(
    connection: &mut PgConnection,
    partition: &Partition,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(include_str!("payload_referrers.sql"))
        .bind(partition.from_ns.unwrap_or(i64::MIN))
        .bind(partition.to_ns)
        .fetch_one(connection)
        .await
}

/// The values that kept spans and events refer to.
async fn referred(
    connection: &mut PgConnection,
    partition: &Partition,
    keep: Keep,
    damaged: &mut Damaged,
) -> Result<Result<ReferredPayloads, Unknown>, sqlx::Error> {
    let mut seen = HashSet::new();
    if let Err(unknown) = by_spans(connection, partition, &mut seen, damaged).await? {
        return Ok(Err(unknown));
    }
    if let Err(unknown) = by_events(connection, partition, keep, &mut seen).await? {
        return Ok(Err(unknown));
    }
    let mut referred = ReferredPayloads::default();
    for (tenant, hash, day_ns) in seen {
        referred.tenants.push(tenant);
        referred.hashes.push(hash);
        referred.days.push(day_ns);
    }
    Ok(Ok(referred))
}

/// A block, and which of its traces have a row.
#[derive(FromRow)]
struct ReferringBlock {
    #[sqlx(flatten)]
    block: StoredBlock,
    is_kept: Vec<bool>,
}

/// Finds the values that spans refer to. Blocks of both levels are of one snapshot, so that none
/// is missed while it is compacted.
async fn by_spans(
    connection: &mut PgConnection,
    partition: &Partition,
    seen: &mut HashSet<ReferredKey>,
    damaged: &mut Damaged,
) -> Result<Result<(), Unknown>, sqlx::Error> {
    let (from_ns, to_ns) = (partition.from_ns.unwrap_or(i64::MIN), partition.to_ns);
    let sql = format!(
        "SELECT b.*, ARRAY(
             SELECT EXISTS (
                 SELECT FROM traces AS t
                 WHERE t.tenant_id = b.tenant_id AND t.trace_id = part.trace_id
                     AND t.first_block_id <= b.id
             )
             FROM unnest(b.trace_ids) WITH ORDINALITY AS part (trace_id, place)
             ORDER BY part.place
         ) AS is_kept
         FROM (
             SELECT {STORED_BLOCK_COLUMNS} FROM level0_blocks
             WHERE has_payloads AND first_start_ns < $2 AND last_start_ns >= $1
             UNION ALL
             SELECT {STORED_BLOCK_COLUMNS} FROM level1_blocks
             WHERE has_payloads AND first_start_ns < $2 AND last_start_ns >= $1
         ) AS b"
    );
    let mut blocks = sqlx::query_as::<_, ReferringBlock>(AssertSqlSafe(sql))
        .bind(from_ns)
        .bind(to_ns)
        .fetch(&mut *connection);
    loop {
        let row = match blocks.try_next().await {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(Ok(())),
            // Compaction or the rewrite of its partition finds out which block that is.
            Err(error) if is_damage(&error) => return Ok(Err(Unknown::Damaged)),
            Err(error) => return Err(error),
        };
        match row.collect(from_ns..to_ns, seen) {
            Ok(Ok(())) => {}
            Ok(Err(unknown)) => return Ok(Err(unknown)),
            Err(corrupt) => {
                damaged.report(&row.block, corrupt);
                return Ok(Err(Unknown::Damaged));
            }
        }
    }
}

impl ReferringBlock {
    fn collect(
        &self,
        range: core::ops::Range<i64>,
        seen: &mut HashSet<ReferredKey>,
    ) -> Result<Result<(), Unknown>, Corrupt> {
        let traces = self.block.skeleton.trace_ids.iter().zip(&self.is_kept);
        let kept: HashSet<[u8; 16]> = traces
            .filter(|(_, is_kept)| **is_kept)
            .map(|(trace_id, _)| trace_id.into_bytes())
            .collect();
        let mut result = Ok(());
        self.block.for_each_with(ColumnKind::Payloads, |record| {
            let is_wanted = !record.payloads.is_empty()
                && range.contains(&record.start_ns)
                && kept.contains(&record.trace_id);
            if is_wanted && result.is_ok() {
                result = insert(self.block.tenant_id, record.start_ns, record.payloads, seen);
            }
        })?;
        Ok(result)
    }
}

fn insert(
    tenant: Uuid,
    at_ns: i64,
    column: &[u8],
    seen: &mut HashSet<ReferredKey>,
) -> Result<(), Unknown> {
    let references = payload_refs::decode(column).map_err(|_| Unknown::Damaged)?;
    let keys = references
        .iter()
        .map(|known| (tenant, Uuid::from_bytes(known.hash), day_ns(at_ns)));
    seen.extend(keys);
    if seen.len() > MAX_REFERRED {
        return Err(Unknown::TooMany);
    }
    Ok(())
}

/// Finds the values that events refer to. To free space, events were removed before: those that are
/// there are kept.
async fn by_events(
    connection: &mut PgConnection,
    partition: &Partition,
    keep: Keep,
    seen: &mut HashSet<ReferredKey>,
) -> Result<Result<(), Unknown>, sqlx::Error> {
    let before_ns = match keep {
        Keep::Directory { before_ns } => before_ns,
        Keep::Pinned => i64::MIN,
    };
    let kept = Parent::Events.kept();
    let sql = format!(
        "SELECT s.tenant_id, s.at_ns, s.payloads FROM events AS s
         LEFT JOIN traces AS t ON t.tenant_id = s.tenant_id AND t.trace_id = s.trace_id
         WHERE s.payloads IS NOT NULL AND s.at_ns >= $2 AND s.at_ns < $3 AND {kept}"
    );
    let mut rows = sqlx::query_as::<_, (Uuid, i64, Vec<u8>)>(AssertSqlSafe(sql))
        .bind(before_ns)
        .bind(partition.from_ns.unwrap_or(i64::MIN))
        .bind(partition.to_ns)
        .fetch(&mut *connection);
    while let Some((tenant, at_ns, column)) = rows.try_next().await? {
        if let Err(unknown) = insert(tenant, at_ns, &column, seen) {
            return Ok(Err(unknown));
        }
    }
    Ok(Ok(()))
}
