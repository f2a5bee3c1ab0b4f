//! What a reference leads to: a trace by its id, by an indexed value, or by the id of a span.

use sqlx::PgConnection;
use throughline_model::{
    Cursor, Direction, LookedFor, Lookup, Page, PageRequest, ReadError, Reference, Total,
    TraceSummary,
};
use throughline_wire::{SpanId, TraceId, UnixNanos};
use uuid::Uuid;

use super::rows::{SummaryRow, corrupt};
use super::{alias, compile, trace};
use crate::sqlstate::read_error;

/// Traces that one search for a span looks at.
const SEARCHED_TRACES: i64 = 15_000;
/// Names of attributes that are told.
const TOLD_KEYS: i64 = 100;

/// What is asked, by whom and when.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    pub tenant: Uuid,
    pub page: PageRequest,
    pub total_cap: u64,
    pub now: UnixNanos,
}

/// Looks for the reference as everything it may be, what is found fastest first.
pub(super) async fn lookup(
    connection: &mut PgConnection,
    reference: &Reference,
    asked: Asked,
) -> Result<Lookup, ReadError> {
    let Asked { tenant, now, .. } = asked;
    let mut lookup = Lookup {
        found: None,
        names: Vec::new(),
        span: None,
        traces: page_of(Vec::new()),
        looked_for: Vec::new(),
        attribute_keys: Vec::new(),
    };
    if let Some(trace_id) = reference.trace_id() {
        lookup.looked_for.push(LookedFor::TraceId);
        let summary = trace::summary(connection, tenant, trace_id, now).await?;
        if let Some(summary) = summary {
            lookup.found = Some(LookedFor::TraceId);
            lookup.span = reference.span_id();
            lookup.traces = page_of(vec![summary]);
            return Ok(lookup);
        }
    }
    lookup.looked_for.push(LookedFor::Alias);
    let (page, cap) = (asked.page, asked.total_cap);
    lookup.traces = alias::find(connection, tenant, None, reference.text(), page, cap, now).await?;
    if !lookup.traces.items.is_empty() {
        lookup.found = Some(LookedFor::Alias);
        lookup.names = alias::names(connection, tenant, reference.text()).await?;
        return Ok(lookup);
    }
    lookup.attribute_keys = attribute_keys(connection, tenant).await?;
    if let Some(span_id) = reference.span_id() {
        lookup.looked_for.push(LookedFor::SpanId);
        lookup.traces = search(connection, asked, span_id).await?;
        if !lookup.traces.items.is_empty() {
            lookup.found = Some(LookedFor::SpanId);
            lookup.span = Some(span_id);
        }
    }
    Ok(lookup)
}

/// All there is, on one page.
fn page_of(items: Vec<TraceSummary>) -> Page<TraceSummary> {
    Page {
        total: Total::Exact(items.len() as u64),
        items,
        after: None,
        before: None,
        searched_to: None,
    }
}

async fn attribute_keys(
    connection: &mut PgConnection,
    tenant: Uuid,
) -> Result<Vec<String>, ReadError> {
    sqlx::query_scalar(
        "SELECT name FROM attribute_keys WHERE tenant_id = $1 ORDER BY name LIMIT $2",
    )
    .bind(tenant)
    .bind(TOLD_KEYS)
    .fetch_all(connection)
    .await
    .map_err(read_error)
}

/// The traces that have a span of this id, among the newest beyond the page's place.
async fn search(
    connection: &mut PgConnection,
    asked: Asked,
    span_id: SpanId,
) -> Result<Page<TraceSummary>, ReadError> {
    let (start_ns, trace_id) = match asked.page.from {
        Some((Direction::After, place)) => (
            place.start.get(),
            Uuid::from_bytes(place.trace_id.to_bytes()),
        ),
        _ => (i64::MAX, Uuid::max()),
    };
    let found: Vec<Uuid> = sqlx::query_scalar(include_str!("span_search.sql"))
        .bind(asked.tenant)
        .bind(span_id.to_i64())
        .bind(start_ns)
        .bind(trace_id)
        .bind(SEARCHED_TRACES)
        .bind(i64::from(asked.page.limit))
        .fetch_all(&mut *connection)
        .await
        .map_err(read_error)?;
    if !found.is_empty() {
        let rows: Vec<SummaryRow> = compile::summaries(asked.tenant, &found)
            .build_query_as()
            .fetch_all(connection)
            .await
            .map_err(read_error)?;
        let items = rows.into_iter().map(|row| row.into_summary(asked.now));
        return Ok(page_of(items.collect::<Result<_, _>>()?));
    }
    // The last trace that was looked at, and whether there is one behind it.
    let ends: Vec<(i64, Uuid)> = sqlx::query_as(
        "SELECT t.start_ns, t.trace_id FROM traces AS t
         WHERE t.tenant_id = $1 AND (t.start_ns, t.trace_id) < ($2, $3)
         ORDER BY t.start_ns DESC, t.trace_id DESC OFFSET $4 LIMIT 2",
    )
    .bind(asked.tenant)
    .bind(start_ns)
    .bind(trace_id)
    .bind(SEARCHED_TRACES - 1)
    .fetch_all(connection)
    .await
    .map_err(read_error)?;
    let [(start_ns, trace_id), _] = ends[..] else {
        return Ok(page_of(Vec::new()));
    };
    let start = UnixNanos::new(start_ns);
    let trace_id =
        TraceId::from_bytes(trace_id.into_bytes()).map_err(|_| corrupt("traces.trace_id")())?;
    Ok(Page {
        after: Some(Cursor { start, trace_id }),
        total: Total::AtLeast(0),
        searched_to: Some(start),
        ..page_of(Vec::new())
    })
}
