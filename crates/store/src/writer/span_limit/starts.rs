//! The limit of open spans of a trace. It equals the span limit, so that a sender that only starts
//! spans uses no more space than one that ends them.
//!
//! Starts are counted before the commit and without a lock: servers that write one trace at the
//! same moment may together exceed the limit by one commit each.

use std::collections::BTreeSet;

use sqlx::PgConnection;
use uuid::Uuid;

use super::super::group::Group;
use super::super::open_spans::OpenSpanKey;
use crate::ids::uuids;

/// Returns the starts of `group` that exceed the limit of their traces.
pub(in super::super) async fn over(
    connection: &mut PgConnection,
    group: &Group,
    limit: usize,
) -> Result<BTreeSet<OpenSpanKey>, sqlx::Error> {
    let starts: Vec<OpenSpanKey> = group.starts().collect();
    if starts.is_empty() {
        return Ok(BTreeSet::new());
    }
    let over: Vec<(Uuid, Uuid, i64)> = sqlx::query_as(include_str!("starts_over.sql"))
        .bind(uuids(starts.iter().map(|key| key.0)))
        .bind(uuids(starts.iter().map(|key| key.1)))
        .bind(starts.iter().map(|key| key.2).collect::<Vec<i64>>())
        .bind(limit as i64)
        .fetch_all(connection)
        .await?;
    let keys = over
        .into_iter()
        .map(|(tenant, trace, span)| (tenant.into_bytes(), trace.into_bytes(), span));
    Ok(keys.collect())
}
