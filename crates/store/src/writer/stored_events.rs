//! Which events of a group are stored already.

use sqlx::PgConnection;

use super::claim::uuids;
use super::events::EventRow;
use super::group::{Group, RowRef};
use crate::ids::IdSet;

/// The digests of those of the events that are stored.
pub(super) async fn digests(
    connection: &mut PgConnection,
    group: &Group,
    rows: &[RowRef],
) -> Result<IdSet, sqlx::Error> {
    if rows.is_empty() {
        return Ok(IdSet::default());
    }
    let numbers = |of: fn(&EventRow) -> i64| -> Vec<i64> {
        rows.iter().map(|&row| of(group.event(row))).collect()
    };
    let digests: Vec<i64> = sqlx::query_scalar(include_str!("stored_events.sql"))
        .bind(uuids(rows.iter().map(|&row| group.batch(row).tenant)))
        .bind(numbers(|event| event.at_ns))
        .bind(numbers(|event| event.digest))
        .fetch_all(connection)
        .await?;
    Ok(digests.into_iter().collect())
}
