//! The days of large values that an erasure has to look through.
//!
//! They are marked in the transactions that remove spans and events, and unmarked once the values that
//! nothing refers to are gone: an erasure that breaks off leaves the marks to the next one.

use std::collections::BTreeSet;

use sqlx::PgConnection;
use uuid::Uuid;

use super::partition::Partition;

/// Marks the days of spans or events that are removed in the transaction that `connection` is in.
pub(crate) async fn mark(
    connection: &mut PgConnection,
    days: &BTreeSet<i64>,
) -> Result<(), sqlx::Error> {
    if days.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO erased_payload_days (day_ns) SELECT * FROM unnest($1::bigint[])
         ON CONFLICT DO NOTHING",
    )
    .bind(days.iter().copied().collect::<Vec<_>>())
    .execute(connection)
    .await?;
    Ok(())
}

/// Marks all days of traces whose rows are removed in the transaction that `connection` is in: compaction
/// and retention may drop their spans before anybody reads what these refer to.
pub(super) async fn mark_days_of_traces(
    connection: &mut PgConnection,
    tenant: Uuid,
    trace_ids: &[Uuid],
) -> Result<(), sqlx::Error> {
    sqlx::query(include_str!("mark_days_of_traces.sql"))
        .bind(tenant)
        .bind(trace_ids)
        .execute(connection)
        .await?;
    Ok(())
}

/// The days that are marked, in order.
pub(super) async fn marked(connection: &mut PgConnection) -> Result<BTreeSet<i64>, sqlx::Error> {
    let days: Vec<i64> = sqlx::query_scalar("SELECT day_ns FROM erased_payload_days")
        .fetch_all(connection)
        .await?;
    Ok(days.into_iter().collect())
}

/// Unmarks the days of a partition.
pub(super) async fn unmark(
    connection: &mut PgConnection,
    partition: &Partition,
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM erased_payload_days WHERE day_ns >= $1 AND day_ns < $2")
        .bind(partition.from_ns.unwrap_or(i64::MIN))
        .bind(partition.to_ns)
        .execute(connection)
        .await?;
    Ok(())
}

/// Unmarks the days that none of the partitions has: their values are gone.
pub(super) async fn unmark_gone(
    connection: &mut PgConnection,
    partitions: &[Partition],
) -> Result<(), sqlx::Error> {
    let from: Vec<i64> = partitions
        .iter()
        .map(|partition| partition.from_ns.unwrap_or(i64::MIN))
        .collect();
    let to: Vec<i64> = partitions.iter().map(|partition| partition.to_ns).collect();
    sqlx::query(
        "DELETE FROM erased_payload_days WHERE NOT EXISTS (
             SELECT FROM unnest($1::bigint[], $2::bigint[]) AS day (from_ns, to_ns)
             WHERE day_ns >= from_ns AND day_ns < to_ns
         )",
    )
    .bind(from)
    .bind(to)
    .execute(connection)
    .await?;
    Ok(())
}
