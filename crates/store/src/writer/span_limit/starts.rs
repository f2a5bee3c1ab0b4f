//! The most spans of a trace that may run at once: as many as it may have in all, so that a sender
//! that only starts spans fills no more than one that ends them.
//!
//! Counted before the commit and without a lock: servers that fill one trace at the same moment may
//! go beyond it by what they commit then.

use std::collections::BTreeSet;

use sqlx::PgConnection;
use uuid::Uuid;

use super::super::claim::uuids;
use super::super::group::Group;
use super::super::open_spans::Key;

/// The starts of `group` that are one too many for their traces.
pub(in super::super) async fn over(
    connection: &mut PgConnection,
    group: &Group,
    limit: usize,
) -> Result<BTreeSet<Key>, sqlx::Error> {
    let starts: Vec<Key> = group.starts().collect();
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
