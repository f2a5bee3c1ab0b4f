//! Reads log records and events as they were sent, page by page.

use std::collections::HashSet;

use sqlx::{PgConnection, Postgres, QueryBuilder};
use throughline_model::{EventCursor, EventsOf, ReadError, WholeEvent, WholeEvents};
use throughline_wire::UnixNanos;
use uuid::Uuid;

use super::dictionary::{self, Listed, Tenant};
use super::event::{COLUMNS, PAGE_BYTES, Row, push_page, sent_by};
use super::payload;
use super::shared_sizes::{SharedIds, SharedSizes};
use super::trace::uuid;
use crate::day::day_ns;
use crate::sqlstate::read_error;

/// The maximum number of rows on a page. It limits the memory, including payloads.
const PAGE_ROWS: i64 = 500;

/// Returns the page of selected events after the cursor `after`, at time `now`.
pub(super) async fn page(
    connection: &mut PgConnection,
    tenant: Tenant<'_>,
    of: &EventsOf,
    after: Option<EventCursor>,
    now: UnixNanos,
) -> Result<WholeEvents, ReadError> {
    let mut rows: Vec<Row> = query(tenant.id, of, after, now)
        .build_query_as()
        .fetch_all(&mut *connection)
        .await
        .map_err(read_error)?;
    // The statement returns a page newest first.
    rows.reverse();
    let listed = rows.first().map_or(0, |row| row.listed_rows);
    let shared = rows.iter().map(shared);
    let shared = SharedSizes::read(connection, tenant.id, shared).await?;
    let fitting = fitting(&rows, shared)?;
    rows.truncate(fitting);
    let after = rows.last().map(Row::cursor);
    let after = after.filter(|_| listed == PAGE_ROWS || listed > rows.len() as i64);
    if matches!(of, EventsOf::NoTrace { .. }) {
        let stored = stored_traces(connection, tenant.id, &rows).await?;
        rows.retain(|row| row.trace_id.is_none_or(|id| !stored.contains(&id)));
    }
    let mut whole = restored(connection, tenant, rows).await?;
    whole.after = after;
    Ok(whole)
}

/// Returns the dictionary entries of an event.
fn shared(row: &Row) -> SharedIds {
    SharedIds {
        operation: None,
        resource: row.resource_id,
        scope: row.scope_id,
    }
}

/// Returns the number of leading rows whose payloads, resources and scopes together fit on a page.
/// It is at least one.
fn fitting(rows: &[Row], mut sizes: SharedSizes) -> Result<usize, ReadError> {
    let mut bytes = 0_u64;
    for (at, row) in rows.iter().enumerate() {
        let payloads = row.payloads()?.into_iter().map(|value| value.byte_count);
        bytes = payloads.fold(bytes, u64::saturating_add);
        bytes = bytes.saturating_add(sizes.add(shared(row)));
        if at > 0 && bytes > PAGE_BYTES {
            return Ok(at);
        }
    }
    Ok(rows.len())
}

fn query(
    tenant: Uuid,
    of: &EventsOf,
    after: Option<EventCursor>,
    now: UnixNanos,
) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(COLUMNS);
    query
        .push("events AS e WHERE e.tenant_id = ")
        .push_bind(tenant);
    match of {
        EventsOf::Trace(trace_id) => {
            query.push(" AND e.trace_id = ").push_bind(uuid(*trace_id));
        }
        // The page is filtered by stored traces after it was read. As an SQL condition, this would
        // make one page read any number of rows.
        EventsOf::NoTrace { range, service } => {
            let (from, to) = range.bounds(now);
            query.push(" AND e.at_ns >= ").push_bind(from.get());
            query.push(" AND e.at_ns < ").push_bind(to.get());
            if let Some(service) = service {
                sent_by(&mut query, tenant, service);
            }
        }
    }
    if let Some(after) = after {
        query
            .push(" AND (e.at_ns, e.digest) > (")
            .push_bind(after.at.get());
        query.push(", ").push_bind(after.digest).push(")");
    }
    query
        .push(" ORDER BY e.at_ns, e.digest LIMIT ")
        .push_bind(PAGE_ROWS);
    push_page(&mut query, true);
    query
}

/// Returns the traces of the rows that have a summary.
async fn stored_traces(
    connection: &mut PgConnection,
    tenant: Uuid,
    rows: &[Row],
) -> Result<HashSet<Uuid>, ReadError> {
    let asked: HashSet<Uuid> = rows.iter().filter_map(|row| row.trace_id).collect();
    let stored: Vec<Uuid> = sqlx::query_scalar(
        "SELECT trace_id FROM traces WHERE tenant_id = $1 AND trace_id = ANY($2)",
    )
    .bind(tenant)
    .bind(asked.into_iter().collect::<Vec<_>>())
    .fetch_all(connection)
    .await
    .map_err(read_error)?;
    Ok(stored.into_iter().collect())
}

/// Returns the events of the rows, with their payloads restored and dictionary entries resolved.
async fn restored(
    connection: &mut PgConnection,
    tenant: Tenant<'_>,
    rows: Vec<Row>,
) -> Result<WholeEvents, ReadError> {
    let resource_ids = rows.iter().map(|row| row.resource_id);
    let scope_ids = rows.iter().map(|row| row.scope_id);
    let known = dictionary::resources(connection, tenant, resource_ids).await?;
    let mut resources = Listed::new(known);
    let mut scopes = Listed::new(dictionary::scopes(connection, tenant, scope_ids).await?);
    let mut events = Vec::with_capacity(rows.len());
    let mut detached = Vec::new();
    for row in rows {
        let references = row.payloads()?;
        if !references.is_empty() {
            let day_ns = day_ns(row.cursor().at.get());
            detached.push((events.len(), day_ns, references));
        }
        events.push(WholeEvent {
            resource: resources.place(row.resource_id),
            scope: scopes.place(row.scope_id),
            record: row.into_record()?,
        });
    }
    let values = payload::fetch_all(connection, tenant.id, &detached).await?;
    for (at, day_ns, references) in detached {
        payload::restore_event(&mut events[at].record, &references, day_ns, &values);
    }
    Ok(WholeEvents {
        resources: resources.list,
        scopes: scopes.list,
        events,
        after: None,
    })
}
