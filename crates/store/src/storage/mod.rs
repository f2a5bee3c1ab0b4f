//! Reports the size of the database, the use of its space and its growth.

mod estimate;
mod sample;
mod sizes;

use sqlx::PgConnection;
use throughline_model::{DaySize, SpaceUse, StorageGauge, StorageReport};
use throughline_wire::UnixNanos;
use uuid::Uuid;

/// Returns the size of the database in bytes, without the write-ahead log.
pub(crate) async fn used_bytes(connection: &mut PgConnection) -> Result<u64, sqlx::Error> {
    let bytes: i64 = sqlx::query_scalar("SELECT pg_database_size(current_database())")
        .fetch_one(connection)
        .await?;
    Ok(bytes.unsigned_abs())
}

/// Stores the size of the current day, from which the growth is computed.
pub(crate) async fn note_size(
    connection: &mut PgConnection,
    now: UnixNanos,
) -> Result<(), sqlx::Error> {
    let day_ns = now.get().div_euclid(UnixNanos::PER_DAY) * UnixNanos::PER_DAY;
    sqlx::query(
        "INSERT INTO storage_days (day_ns, byte_count)
         VALUES ($1, pg_database_size(current_database()))
         ON CONFLICT (day_ns) DO UPDATE SET byte_count = excluded.byte_count",
    )
    .bind(day_ns)
    .execute(connection)
    .await?;
    Ok(())
}

/// Returns the storage report for the measured `space`. It names only the operations and attributes of `tenant`.
pub(crate) async fn report(
    connection: &mut PgConnection,
    tenant: Uuid,
    mut gauge: StorageGauge,
    space: SpaceUse,
    retention_refusal: Option<String>,
) -> Result<StorageReport, sqlx::Error> {
    gauge.used_bytes = used_bytes(connection).await?;
    gauge.reusable_bytes = space.reusable_bytes;
    let days: Vec<(i64, i64)> =
        sqlx::query_as("SELECT day_ns, byte_count FROM storage_days ORDER BY day_ns DESC LIMIT 30")
            .fetch_all(&mut *connection)
            .await?;
    let days: Vec<DaySize> = days
        .into_iter()
        .rev()
        .map(|(day_ns, byte_count)| DaySize {
            day: UnixNanos::new(day_ns),
            byte_count: byte_count.unsigned_abs(),
        })
        .collect();
    let growth = growth_per_day(&days);
    let tables = sizes::tables(connection).await?;
    let estimate = estimate::estimate(connection, tenant, &tables).await?;
    Ok(StorageReport {
        gauge,
        level: gauge.level(),
        space,
        retention_refusal,
        is_stuck: gauge.is_stuck(space.prunable_bytes),
        tables,
        growth_bytes_per_day: growth,
        days_left: days_left(&gauge, growth),
        days,
        sampled_spans: estimate.sampled_spans,
        by_operation: estimate.by_operation,
        by_attribute: estimate.by_attribute,
    })
}

/// Returns the growth in bytes per day, over at most the last week.
fn growth_per_day(days: &[DaySize]) -> Option<i64> {
    let week = &days[days.len().saturating_sub(8)..];
    let (first, last) = (week.first()?, week.last()?);
    let count = last.day.since(first.day) / UnixNanos::PER_DAY;
    (count > 0).then(|| (last.byte_count as i64 - first.byte_count as i64) / count)
}

fn days_left(gauge: &StorageGauge, growth: Option<i64>) -> Option<u64> {
    let growth = u64::try_from(growth?).ok().filter(|growth| *growth > 0)?;
    Some(gauge.budget_bytes?.saturating_sub(gauge.counted_bytes()) / growth)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_and_days_left_follow_from_the_noted_sizes() {
        let day = |day: i64, byte_count| DaySize {
            day: UnixNanos::new(day * UnixNanos::PER_DAY),
            byte_count,
        };
        assert_eq!(growth_per_day(&[]), None);
        assert_eq!(growth_per_day(&[day(1, 5)]), None);
        let grown = growth_per_day(&[day(1, 100), day(2, 200), day(5, 500)]);
        assert_eq!(grown, Some(100));
        assert_eq!(growth_per_day(&[day(1, 500), day(3, 100)]), Some(-200));
        let gauge = StorageGauge {
            used_bytes: 500,
            budget_bytes: Some(1_000),
            ..StorageGauge::default()
        };
        assert_eq!(days_left(&gauge, grown), Some(5));
        assert_eq!(days_left(&gauge, Some(-1)), None);
        assert_eq!(days_left(&StorageGauge::default(), grown), None);
    }
}
