//! Stores events through a temporary table, which leaves out the events that are already stored; a
//! plain `COPY` cannot do that.

use sqlx::PgConnection;
use sqlx::types::Uuid;

use super::copy::copy;
use super::group::Group;
use super::outcome::RowRef;
use super::stored_events::{RENEWED_AFTER_NS, key_of};
use crate::ids::EventKeys;

/// Stores the events of `rows` that are not stored yet; returns their keys. The others count as
/// received again.
pub(super) async fn stage(
    connection: &mut PgConnection,
    group: &Group,
    rows: &[RowRef],
    buffer: &mut Vec<u8>,
) -> Result<EventKeys, sqlx::Error> {
    if rows.is_empty() {
        return Ok(EventKeys::default());
    }
    fill(connection, group, rows, buffer).await?;
    let stored: Vec<(Uuid, i64, i64)> = sqlx::query_as(include_str!("staging_move_events.sql"))
        .fetch_all(&mut *connection)
        .await?;
    if stored.len() < rows.len() {
        renew_staged(connection).await?;
    }
    Ok(stored.into_iter().map(key_of).collect())
}

/// Notes of stored events that they were received again.
pub(super) async fn renew(
    connection: &mut PgConnection,
    group: &Group,
    rows: &[RowRef],
    buffer: &mut Vec<u8>,
) -> Result<(), sqlx::Error> {
    if rows.is_empty() {
        return Ok(());
    }
    fill(connection, group, rows, buffer).await?;
    renew_staged(connection).await
}

/// Fills the temporary table, which is empty at the beginning of each transaction.
async fn fill(
    connection: &mut PgConnection,
    group: &Group,
    rows: &[RowRef],
    buffer: &mut Vec<u8>,
) -> Result<(), sqlx::Error> {
    sqlx::query(include_str!("staging_create_events.sql"))
        .execute(&mut *connection)
        .await?;
    let statement = include_str!("staging_copy_events.sql");
    copy(connection, statement, group, rows, buffer).await
}

async fn renew_staged(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query(include_str!("staging_renew_events.sql"))
        .bind(RENEWED_AFTER_NS)
        .execute(connection)
        .await?;
    Ok(())
}
