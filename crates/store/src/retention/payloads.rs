//! Which large values are kept: those that a kept row of their day refers to.
//!
//! Rows say so in a column that only this server writes, see [`payload_refs`]; the database
//! cannot read it, so the references are read here, and the values they name go back as arrays.

use std::collections::HashSet;

use futures::TryStreamExt as _;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::partition::{self, Counts, Keep, Parent, Partition};
use crate::day::day_ns;
use crate::payload_refs;

/// The values of a partition that are referred to, column by column.
#[derive(Default)]
struct Referred {
    tenants: Vec<Uuid>,
    hashes: Vec<Uuid>,
    days: Vec<i64>,
}

/// Joins the rows `s` with what is referred to.
const REFERRED: &str = "JOIN unnest($1::uuid[], $2::uuid[], $3::bigint[])
     AS k (tenant_id, hash, day_ns)
     ON k.tenant_id = s.tenant_id AND k.hash = s.hash AND k.day_ns = s.day_ns";

/// How many values there are, and how many of them are kept.
pub(super) async fn counts(
    connection: &mut PgConnection,
    partition: &Partition,
    keep: Keep,
) -> Result<Counts, sqlx::Error> {
    let total = partition::count(connection, partition).await?;
    let kept = if total == 0 || !any_is_kept(connection, partition, keep).await? {
        0
    } else if let Some(referred) = referred(connection, partition, keep).await? {
        let table = &partition.table;
        let sql = format!("SELECT count(*) FROM {table} AS s {REFERRED}");
        sqlx::query_scalar(AssertSqlSafe(sql))
            .bind(referred.tenants)
            .bind(referred.hashes)
            .bind(referred.days)
            .fetch_one(connection)
            .await?
    } else {
        total
    };
    Ok(Counts {
        total,
        kept,
        waiting: 0,
        pins: 0,
    })
}

/// Inserts the kept values of `partition` into `copy`.
pub(super) async fn copy_kept(
    connection: &mut PgConnection,
    partition: &Partition,
    copy: &str,
    keep: Keep,
) -> Result<(), sqlx::Error> {
    let referred = referred(connection, partition, keep).await?;
    let table = &partition.table;
    let all = format!("INSERT INTO {copy} SELECT s.* FROM {table} AS s");
    let query = match referred {
        None => sqlx::query(AssertSqlSafe(all)),
        Some(referred) => sqlx::query(AssertSqlSafe(format!("{all} {REFERRED}")))
            .bind(referred.tenants)
            .bind(referred.hashes)
            .bind(referred.days),
    };
    query.execute(connection).await?;
    Ok(())
}

/// Whether any kept row of the day refers to a value: asked first, because it is cheap.
async fn any_is_kept(
    connection: &mut PgConnection,
    partition: &Partition,
    keep: Keep,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(include_str!("payloads_are_kept.sql"))
        .bind(partition.from_ns.unwrap_or(i64::MIN))
        .bind(partition.to_ns)
        .bind(keep == Keep::Pinned)
        .fetch_one(connection)
        .await
}

/// The values that kept rows refer to; none when it is not known, and all are to be kept: where
/// the size budget is at work, which must not take memory for it, and where a row was written by
/// a later version.
async fn referred(
    connection: &mut PgConnection,
    partition: &Partition,
    keep: Keep,
) -> Result<Option<Referred>, sqlx::Error> {
    let Keep::Directory { before_ns } = keep else {
        return Ok(None);
    };
    let mut seen = HashSet::new();
    for parent in [Parent::Spans, Parent::Events] {
        let (table, key, kept) = (parent.table(), parent.key(), parent.kept());
        let sql = format!(
            "SELECT s.tenant_id, s.{key}, s.payloads FROM {table} AS s
             LEFT JOIN traces AS t ON t.tenant_id = s.tenant_id AND t.trace_id = s.trace_id
             WHERE s.payloads IS NOT NULL AND s.{key} >= $2 AND s.{key} < $3 AND {kept}"
        );
        let mut rows = sqlx::query_as::<_, (Uuid, i64, Vec<u8>)>(AssertSqlSafe(sql))
            .bind(before_ns)
            .bind(partition.from_ns.unwrap_or(i64::MIN))
            .bind(partition.to_ns)
            .fetch(&mut *connection);
        while let Some((tenant, at_ns, column)) = rows.try_next().await? {
            let Ok(references) = payload_refs::decode(&column) else {
                return Ok(None);
            };
            let keys = references
                .iter()
                .map(|known| (tenant, Uuid::from_bytes(known.hash), day_ns(at_ns)));
            seen.extend(keys);
        }
    }
    let mut referred = Referred::default();
    for (tenant, hash, day_ns) in seen {
        referred.tenants.push(tenant);
        referred.hashes.push(hash);
        referred.days.push(day_ns);
    }
    Ok(Some(referred))
}
