//! Which rows of a group are stored already.

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{FromRow as _, PgConnection, Postgres};
use uuid::Uuid;

use super::events::EventRow;
use super::group::{Group, RowRef};
use super::row::Row;
use crate::ids::IdSet;

/// The digests of those of the spans that are stored. Rows that retention has removed from the
/// directory and not swept out yet are not: they are deleted, so that what is sent again is listed
/// again.
pub(super) async fn spans(
    connection: &mut PgConnection,
    group: &Group,
    rows: &[RowRef],
) -> Result<IdSet, sqlx::Error> {
    if rows.is_empty() {
        return Ok(IdSet::default());
    }
    let stored = by_key(include_str!("stored_spans.sql"), group, rows)
        .try_map(|row: PgRow| <(i64, bool)>::from_row(&row))
        .fetch_all(&mut *connection)
        .await?;
    let (listed, unlisted): (Vec<_>, Vec<_>) =
        stored.into_iter().partition(|(_, is_listed)| *is_listed);
    let digests = |stored: Vec<(i64, bool)>| -> IdSet {
        stored.into_iter().map(|(digest, _)| digest).collect()
    };
    let unlisted = digests(unlisted);
    if !unlisted.is_empty() {
        let mut rows = rows.to_vec();
        rows.retain(|&row| unlisted.contains(&group.row(row).digest));
        by_key(include_str!("remove_unlisted.sql"), group, &rows)
            .execute(connection)
            .await?;
    }
    Ok(digests(listed))
}

/// `statement` with the unique keys of `rows`.
fn by_key(
    statement: &'static str,
    group: &Group,
    rows: &[RowRef],
) -> Query<'static, Postgres, PgArguments> {
    let numbers =
        |of: fn(&Row) -> i64| -> Vec<i64> { rows.iter().map(|&row| of(group.row(row))).collect() };
    let trace_ids = rows.iter().map(|&row| group.row(row).trace_id);
    sqlx::query(statement)
        .bind(tenants(group, rows))
        .bind(trace_ids.map(Uuid::from_bytes).collect::<Vec<_>>())
        .bind(numbers(|row| row.span_id))
        .bind(numbers(|row| row.start_ns))
        .bind(numbers(|row| row.digest))
}

/// The digests of those of the events that are stored.
pub(super) async fn events(
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
        .bind(tenants(group, rows))
        .bind(numbers(|event| event.at_ns))
        .bind(numbers(|event| event.digest))
        .fetch_all(connection)
        .await?;
    Ok(digests.into_iter().collect())
}

fn tenants(group: &Group, rows: &[RowRef]) -> Vec<Uuid> {
    let tenants = rows.iter().map(|&row| group.batch(row).tenant);
    tenants.map(Uuid::from_bytes).collect()
}
