//! Reads log records and events as they were sent, page by page.

use std::collections::HashSet;

use sqlx::{Postgres, QueryBuilder};
use throughline_model::{EventCursor, EventsOf, ReadError, WholeEvent, WholeEvents};
use uuid::Uuid;

use super::context::ReadContext;
use super::dictionary::{self, EntryList};
use super::event::{COLUMNS, PAGE_BYTES, StoredEventRow, push_page, sent_by};
use super::payload;
use super::shared_sizes::{SharedIds, SharedSizes};
use crate::day::day_ns;
use crate::ids::uuid;
use crate::sqlstate::read_error;

/// The maximum number of rows on a page. It limits the memory, including payloads.
const PAGE_ROWS: i64 = 500;

/// Returns the page of selected events after the cursor `after`, at time `now`.
pub(super) async fn page(
    context: &mut ReadContext<'_>,
    of: &EventsOf,
    after: Option<EventCursor>,
) -> Result<WholeEvents, ReadError> {
    let mut rows: Vec<StoredEventRow> = query(context, of, after)
        .build_query_as()
        .fetch_all(&mut *context.connection)
        .await
        .map_err(read_error)?;
    // The statement returns a page newest first.
    rows.reverse();
    let listed = rows.first().map_or(0, |row| row.listed_rows);
    let shared = rows.iter().map(shared);
    let shared = SharedSizes::read(context.connection, context.tenant, shared).await?;
    let fitting = fitting(&rows, shared)?;
    rows.truncate(fitting);
    let after = rows.last().map(StoredEventRow::cursor);
    let after = after.filter(|_| listed == PAGE_ROWS || listed > rows.len() as i64);
    if matches!(of, EventsOf::NoTrace { .. }) {
        let stored = stored_traces(context, &rows).await?;
        rows.retain(|row| row.trace_id.is_none_or(|id| !stored.contains(&id)));
    }
    let mut whole = restored(context, rows).await?;
    whole.after = after;
    Ok(whole)
}

/// Returns the dictionary entries of an event.
fn shared(row: &StoredEventRow) -> SharedIds {
    SharedIds {
        operation: None,
        resource: row.resource_id,
        scope: row.scope_id,
    }
}

/// Returns the number of leading rows whose payloads, resources and scopes together fit on a page.
/// It is at least one.
fn fitting(rows: &[StoredEventRow], mut sizes: SharedSizes) -> Result<usize, ReadError> {
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
    context: &ReadContext<'_>,
    of: &EventsOf,
    after: Option<EventCursor>,
) -> QueryBuilder<Postgres> {
    let tenant = context.tenant;
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
            let (from, to) = range.bounds(context.now);
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
    context: &mut ReadContext<'_>,
    rows: &[StoredEventRow],
) -> Result<HashSet<Uuid>, ReadError> {
    let asked: HashSet<Uuid> = rows.iter().filter_map(|row| row.trace_id).collect();
    let stored: Vec<Uuid> = sqlx::query_scalar(
        "SELECT trace_id FROM traces WHERE tenant_id = $1 AND trace_id = ANY($2)",
    )
    .bind(context.tenant)
    .bind(asked.into_iter().collect::<Vec<_>>())
    .fetch_all(&mut *context.connection)
    .await
    .map_err(read_error)?;
    Ok(stored.into_iter().collect())
}

/// Returns the events of the rows, with their payloads restored and dictionary entries resolved.
async fn restored(
    context: &mut ReadContext<'_>,
    rows: Vec<StoredEventRow>,
) -> Result<WholeEvents, ReadError> {
    let resource_ids = rows.iter().map(|row| row.resource_id);
    let scope_ids = rows.iter().map(|row| row.scope_id);
    let known = dictionary::resources(context, resource_ids).await?;
    let mut resources = EntryList::new(known);
    let mut scopes = EntryList::new(dictionary::scopes(context, scope_ids).await?);
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
    let values = payload::fetch_all(context, &detached).await?;
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
