//! Finds the events of a group that are already stored.

use sqlx::PgConnection;
use sqlx::types::Uuid;

use super::events::EventRow;
use super::group::Group;
use super::outcome::RowRef;
use crate::ids::{EventKeys, uuids};

/// Returns the keys of the events that are already stored.
pub(super) async fn keys(
    connection: &mut PgConnection,
    group: &Group,
    rows: &[RowRef],
) -> Result<EventKeys, sqlx::Error> {
    if rows.is_empty() {
        return Ok(EventKeys::default());
    }
    let numbers = |of: fn(&EventRow) -> i64| -> Vec<i64> {
        rows.iter().map(|&row| of(group.event(row))).collect()
    };
    let stored = sqlx::query_as(include_str!("stored_events.sql"))
        .bind(uuids(rows.iter().map(|&row| group.batch(row).tenant)))
        .bind(numbers(|event| event.at_ns))
        .bind(numbers(|event| event.digest))
        .fetch_all(connection)
        .await?;
    Ok(keys_of(stored))
}

/// Returns the keys in `rows` of tenant, time and digest.
pub(super) fn keys_of(rows: Vec<(Uuid, i64, i64)>) -> EventKeys {
    let key = |(tenant, at_ns, digest): (Uuid, i64, i64)| (tenant.into_bytes(), at_ns, digest);
    rows.into_iter().map(key).collect()
}
