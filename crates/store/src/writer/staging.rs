//! Stores events through a temporary table, which leaves out the events that are already stored; a
//! plain `COPY` cannot do that.

use sqlx::PgConnection;

use super::copy::copy;
use super::group::Group;
use super::outcome::RowRef;
use super::stored_events;
use crate::ids::EventKeys;

/// Stores the events of `rows` that are not stored yet; returns their keys.
pub(super) async fn stage(
    connection: &mut PgConnection,
    group: &Group,
    rows: &[RowRef],
    buffer: &mut Vec<u8>,
) -> Result<EventKeys, sqlx::Error> {
    if rows.is_empty() {
        return Ok(EventKeys::default());
    }
    sqlx::query(include_str!("staging_create_events.sql"))
        .execute(&mut *connection)
        .await?;
    let statement = include_str!("staging_copy_events.sql");
    copy(connection, statement, group, rows, buffer).await?;
    let rows = sqlx::query_as(include_str!("staging_move_events.sql"))
        .fetch_all(&mut *connection)
        .await?;
    Ok(stored_events::keys_of(rows))
}
