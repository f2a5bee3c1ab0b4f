//! A whole trace, page by page, as exports and scripts want it.

use std::collections::{HashMap, HashSet};

use sqlx::PgConnection;
use throughline_model::{ReadError, SpanCursor, StoredSpan, Trace};
use throughline_wire::{InstrumentationScope, Resource, Span, SpanId, TraceId, UnixNanos};

use super::dictionary::{self, Listed, Operation, Tenant};
use super::payload;
use super::receipt::{self, Asked};
use super::rows::SpanRow;
use super::trace::{asked, summary};
use crate::sqlstate::read_error;

/// Spans of a page, at most.
const PAGE_SPANS: i64 = 5_000;
/// A page takes spans until they have so many bytes, large values in each of their places.
const PAGE_BYTES: u64 = 10 << 20;

/// The spans of the trace that follow `after`, large values in their places.
pub(super) async fn whole(
    connection: &mut PgConnection,
    tenant: Tenant<'_>,
    trace_id: TraceId,
    after: Option<SpanCursor>,
    now: UnixNanos,
) -> Result<Option<Trace>, ReadError> {
    let Some(summary) = summary(connection, tenant.id, trace_id, now).await? else {
        return Ok(None);
    };
    let asked = asked(tenant.id, trace_id, &summary, now);
    let is_first = after.is_none();
    let (rows, after) = page(connection, &asked, after, summary.span_count).await?;
    let mut referred = Referred::of(connection, tenant, &rows).await?;
    let mut resources = Listed::new(core::mem::take(&mut referred.resources));
    let mut scopes = Listed::new(core::mem::take(&mut referred.scopes));
    let mut spans = Vec::with_capacity(rows.len());
    let mut detached = Vec::new();
    for row in rows {
        let references = row.payloads()?;
        if !references.is_empty() {
            detached.push((spans.len(), row.day_ns(), references));
        }
        spans.push(StoredSpan {
            resource: resources.place(row.resource_id),
            scope: scopes.place(row.scope_id),
            received: row.received(),
            span: referred.span(row, trace_id)?,
        });
    }
    let values = payload::fetch_all(connection, tenant.id, &detached).await?;
    for (at, day_ns, references) in detached {
        payload::restore(&mut spans[at].span, &references, day_ns, &values);
    }
    spans.sort_by_key(|stored| (stored.span.start, stored.span.span_id));
    let (parents, present) = if is_first && after.is_none() {
        let parents = spans.iter().filter_map(|stored| stored.span.parent_span_id);
        let present = spans.iter().map(|stored| stored.span.span_id);
        (parents.collect(), present.collect())
    } else {
        relations(connection, &asked).await?
    };
    let (completeness, open) = receipt::read(connection, asked, &parents, &present).await?;
    Ok(Some(Trace {
        completeness,
        open,
        summary,
        resources: resources.list,
        scopes: scopes.list,
        spans,
        after,
    }))
}

/// The rows that follow `after`, as many as one page takes, and where the next begins.
async fn page(
    connection: &mut PgConnection,
    asked: &Asked,
    after: Option<SpanCursor>,
    span_count: u64,
) -> Result<(Vec<SpanRow>, Option<SpanCursor>), ReadError> {
    let from = after.unwrap_or(SpanCursor {
        start: UnixNanos::new(asked.first_ns.saturating_sub(1)),
        span_id: 0,
        digest: 0,
    });
    let mut rows: Vec<SpanRow> = sqlx::query_as(include_str!("spans_of_trace.sql"))
        .bind(asked.tenant)
        .bind(asked.trace_id)
        .bind(asked.first_ns.max(from.start.get()))
        .bind(asked.last_ns)
        .bind(from.start.get())
        .bind(from.span_id)
        .bind(from.digest)
        .bind(PAGE_SPANS)
        .bind(PAGE_BYTES as i64)
        .fetch_all(&mut *connection)
        .await
        .map_err(read_error)?;
    let mut bytes = 0_u64;
    let mut taken = 0;
    for row in &rows {
        let sizes = row.payloads()?.into_iter().map(|value| value.byte_count);
        bytes = bytes.saturating_add(sizes.sum());
        if taken > 0 && bytes > PAGE_BYTES {
            break;
        }
        taken += 1;
    }
    rows.truncate(taken);
    let Some(last) = rows.last().map(SpanRow::cursor) else {
        return Ok((rows, None));
    };
    // As nearly all are: whole on its first page.
    if after.is_none() && rows.len() as u64 >= span_count {
        return Ok((rows, None));
    }
    let goes_on: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM spans WHERE tenant_id = $1 AND trace_id = $2 \
         AND start_ns BETWEEN $3 AND $4 AND (start_ns, span_id, digest) > ($3, $5, $6))",
    )
    .bind(asked.tenant)
    .bind(asked.trace_id)
    .bind(last.start.get())
    .bind(asked.last_ns)
    .bind(last.span_id)
    .bind(last.digest)
    .fetch_one(connection)
    .await
    .map_err(read_error)?;
    Ok((rows, goes_on.then_some(last)))
}

/// The parents that the spans of the trace name, and the spans that are there.
async fn relations(
    connection: &mut PgConnection,
    asked: &Asked,
) -> Result<(HashSet<SpanId>, HashSet<SpanId>), ReadError> {
    let rows: Vec<(i64, Option<i64>)> = sqlx::query_as(
        "SELECT span_id, parent_span_id FROM spans \
         WHERE tenant_id = $1 AND trace_id = $2 AND start_ns BETWEEN $3 AND $4",
    )
    .bind(asked.tenant)
    .bind(asked.trace_id)
    .bind(asked.first_ns)
    .bind(asked.last_ns)
    .fetch_all(connection)
    .await
    .map_err(read_error)?;
    // What is no id is no one's parent.
    let ids = |ids: &mut dyn Iterator<Item = i64>| ids.flat_map(SpanId::from_i64).collect();
    let parents = ids(&mut rows.iter().filter_map(|(_, parent)| *parent));
    let present = ids(&mut rows.iter().map(|(id, _)| *id));
    Ok((parents, present))
}

/// What rows of spans refer to.
pub(super) struct Referred {
    operations: HashMap<i64, Operation>,
    pub resources: HashMap<i64, Resource>,
    pub scopes: HashMap<i64, InstrumentationScope>,
}

impl Referred {
    pub(super) async fn of(
        connection: &mut PgConnection,
        tenant: Tenant<'_>,
        rows: &[SpanRow],
    ) -> Result<Self, ReadError> {
        let operation_ids = rows.iter().map(|row| row.operation_id);
        let resource_ids = rows.iter().map(|row| row.resource_id);
        let scope_ids = rows.iter().map(|row| row.scope_id);
        Ok(Self {
            operations: dictionary::operations(connection, tenant, operation_ids).await?,
            resources: dictionary::resources(connection, tenant, resource_ids).await?,
            scopes: dictionary::scopes(connection, tenant, scope_ids).await?,
        })
    }

    /// The span of a row.
    pub(super) fn span(&self, row: SpanRow, trace_id: TraceId) -> Result<Span, ReadError> {
        let name = self.operations.get(&row.operation_id).map_or_else(
            || Operation::unknown().name,
            |operation| operation.name.clone(),
        );
        row.into_span(trace_id, name)
    }
}
