//! Rows by way of a temporary table: what a plain `COPY` cannot do, leaving out those that are stored.

use sqlx::PgConnection;

use super::commit::copy;
use super::group::{Group, RowRef};
use crate::ids::IdSet;

/// The statements that store rows by way of a temporary table.
pub(super) struct Staged {
    create: &'static str,
    copy: &'static str,
    /// Yields the digests of the rows it wrote.
    move_new: &'static str,
}

pub(super) const SPANS: Staged = Staged {
    create: include_str!("staging_create.sql"),
    copy: include_str!("staging_copy.sql"),
    move_new: include_str!("staging_move.sql"),
};

pub(super) const EVENTS: Staged = Staged {
    create: include_str!("staging_create_events.sql"),
    copy: include_str!("staging_copy_events.sql"),
    move_new: include_str!("staging_move_events.sql"),
};

/// Stores those of `rows` that are not stored yet; their digests.
pub(super) async fn stage(
    connection: &mut PgConnection,
    statements: &Staged,
    group: &Group,
    rows: &[RowRef],
    buffer: &mut Vec<u8>,
) -> Result<IdSet, sqlx::Error> {
    if rows.is_empty() {
        return Ok(IdSet::default());
    }
    sqlx::query(statements.create)
        .execute(&mut *connection)
        .await?;
    copy(connection, statements.copy, group, rows, buffer).await?;
    let digests: Vec<i64> = sqlx::query_scalar(statements.move_new)
        .fetch_all(&mut *connection)
        .await?;
    Ok(IdSet::from_iter(digests))
}
