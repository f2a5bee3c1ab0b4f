//! Traces by a value that leads to them: a request, correlation, job or order id.

use sqlx::{PgConnection, Postgres, QueryBuilder};
use throughline_model::{Direction, Page, PageRequest, ReadError, Total, TraceSummary};
use throughline_wire::{UnixNanos, semconv};
use uuid::Uuid;

use super::compile::{SUMMARY, Text, push_cursor, push_text};
use super::list::cursor;
use super::paging::Paged;
use super::rows::SummaryRow;
use crate::alias_index::stored_value;
use crate::ids;
use crate::indexed_text::{MAX_CHARS, MAX_SESSION_CHARS, beginning};
use crate::sqlstate::read_error;

/// One page of the traces that `value` leads to, newest first.
pub(super) async fn find(
    connection: &mut PgConnection,
    tenant: Uuid,
    key: Option<&str>,
    value: &str,
    page: PageRequest,
    total_cap: u64,
    now: UnixNanos,
) -> Result<Page<TraceSummary>, ReadError> {
    let limit = page.limit.clamp(1, PageRequest::MAX_LIMIT) as usize;
    let mut query = QueryBuilder::new(SUMMARY.0);
    query.push("SELECT * FROM traces AS t WHERE t.tenant_id = ");
    query.push_bind(tenant).push(" AND t.trace_id IN (");
    push_aliases(&mut query, tenant, key, value);
    query.push(")");
    push_cursor(&mut query, page.from);
    query.push(match page.from {
        Some((Direction::Before, _)) => " ORDER BY t.start_ns, t.trace_id LIMIT ",
        _ => " ORDER BY t.start_ns DESC, t.trace_id DESC LIMIT ",
    });
    query.push_bind(limit as i64 + 1).push(SUMMARY.1);
    let rows: Vec<SummaryRow> = query
        .build_query_as()
        .fetch_all(&mut *connection)
        .await
        .map_err(read_error)?;
    let items = rows
        .into_iter()
        .map(|row| row.into_summary(now))
        .collect::<Result<Vec<_>, _>>()?;
    let paged = Paged::of(items, limit, page.from, cursor);
    Ok(Page {
        items: paged.items,
        after: paged.after,
        before: paged.before,
        total: count(connection, tenant, key, value, total_cap).await?,
        searched_to: None,
    })
}

/// The names under which `value` leads to traces, in order.
pub(super) async fn names(
    connection: &mut PgConnection,
    tenant: Uuid,
    value: &str,
) -> Result<Vec<String>, ReadError> {
    let mut names: Vec<String> = sqlx::query_scalar(include_str!("alias_names.sql"))
        .bind(tenant)
        .bind(stored_value(value).into_owned())
        .bind(beginning(value, MAX_SESSION_CHARS))
        .bind(beginning(value, MAX_CHARS))
        .bind(semconv::SESSION_ID)
        .bind(semconv::CORRELATION_ID)
        .fetch_all(connection)
        .await
        .map_err(read_error)?;
    names.sort();
    Ok(names)
}

async fn count(
    connection: &mut PgConnection,
    tenant: Uuid,
    key: Option<&str>,
    value: &str,
    cap: u64,
) -> Result<Total, ReadError> {
    // Of the directory: an alias may outlive its trace by a retention run.
    let mut query =
        QueryBuilder::new("SELECT count(*) FROM (SELECT FROM traces AS t WHERE t.tenant_id = ");
    query.push_bind(tenant).push(" AND t.trace_id IN (");
    push_aliases(&mut query, tenant, key, value);
    query.push(") LIMIT ");
    query.push_bind(i64::try_from(cap).unwrap_or(i64::MAX).saturating_add(1));
    query.push(") AS counted");
    let count: i64 = query
        .build_query_scalar()
        .fetch_one(connection)
        .await
        .map_err(read_error)?;
    let count = count.unsigned_abs();
    Ok(if count > cap {
        Total::AtLeast(cap)
    } else {
        Total::Exact(count)
    })
}

/// The trace ids that a value leads to, of one key or of any. The directory knows a trace's session
/// itself, so sessions are no aliases.
pub(super) fn push_aliases(
    query: &mut QueryBuilder<Postgres>,
    tenant: Uuid,
    key: Option<&str>,
    value: &str,
) {
    if matches!(key, None | Some(semconv::SESSION_ID)) {
        query.push("SELECT t.trace_id FROM traces AS t WHERE t.tenant_id = ");
        query.push_bind(tenant);
        push_text(query, tenant, Text::Session(value));
        if key.is_some() {
            return;
        }
        query.push(" UNION ");
    }
    query.push("SELECT a.trace_id FROM aliases AS a WHERE a.tenant_id = ");
    query.push_bind(tenant);
    match key {
        Some(key) => query
            .push(" AND a.key_id = ")
            .push_bind(ids::attribute_key(key)),
        // A handful of names, each one descent of the index.
        None => query
            .push(" AND a.key_id IN (SELECT k.id FROM attribute_keys AS k WHERE k.tenant_id = ")
            .push_bind(tenant)
            .push(")"),
    };
    query.push(" AND a.value = ");
    query.push_bind(stored_value(value).into_owned());
    if key.is_none() {
        query
            .push(" UNION SELECT e.trace_id FROM events AS e WHERE e.tenant_id = ")
            .push_bind(tenant)
            .push(" AND e.trace_id IS NOT NULL AND e.correlation_id = ")
            .push_bind(beginning(value, MAX_CHARS).to_owned());
    }
}
