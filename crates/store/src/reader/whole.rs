//! A whole trace, as exports and scripts want it.

use std::collections::HashMap;

use sqlx::PgConnection;
use throughline_model::{ReadError, StoredSpan, Trace};
use throughline_wire::{InstrumentationScope, Resource, Span, TraceId, UnixNanos};
use uuid::Uuid;

use super::dictionary::{self, Listed, Operation};
use super::payload;
use super::receipt;
use super::rows::SpanRow;
use super::trace::{asked, starts, summary, uuid};
use crate::sqlstate::read_error;

/// The whole trace, large values in their places.
pub(super) async fn whole(
    connection: &mut PgConnection,
    tenant: Uuid,
    trace_id: TraceId,
    now: UnixNanos,
) -> Result<Option<Trace>, ReadError> {
    let Some(summary) = summary(connection, tenant, trace_id, now).await? else {
        return Ok(None);
    };
    let (first_ns, last_ns) = starts(&summary);
    let rows: Vec<SpanRow> = sqlx::query_as(include_str!("spans_of_trace.sql"))
        .bind(tenant)
        .bind(uuid(trace_id))
        .bind(first_ns)
        .bind(last_ns)
        .fetch_all(&mut *connection)
        .await
        .map_err(read_error)?;
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
    let values = payload::fetch_all(connection, tenant, &detached).await?;
    for (at, day_ns, references) in detached {
        payload::restore(&mut spans[at].span, &references, day_ns, &values);
    }
    spans.sort_by_key(|stored| (stored.span.start, stored.span.span_id));
    let asked = asked(tenant, trace_id, &summary, now);
    let parents = spans
        .iter()
        .filter_map(|stored| stored.span.parent_span_id)
        .collect();
    let present = spans.iter().map(|stored| stored.span.span_id).collect();
    let (completeness, open) = receipt::read(connection, asked, &parents, &present).await?;
    Ok(Some(Trace {
        completeness,
        open,
        summary,
        resources: resources.list,
        scopes: scopes.list,
        spans,
    }))
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
        tenant: Uuid,
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
