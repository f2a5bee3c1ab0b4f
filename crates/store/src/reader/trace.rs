//! One trace: its skeleton, one of its spans, all of it.
//!
//! The directory is asked first: it knows the trace's stretch of time, so that only the
//! partitions of those days are touched.

use std::collections::HashMap;

use sqlx::PgConnection;
use throughline_model::{
    Payload, ReadError, SkeletonSpan, SpanDetails, StoredSpan, Trace, TraceSkeleton, TraceSummary,
};
use throughline_wire::{SpanId, StatusCode, TraceId, UnixNanos};
use uuid::Uuid;

use super::compile;
use super::dictionary::{self, Operation};
use super::payload;
use super::receipt::{self, Asked};
use super::rows::{MarksRow, SkeletonRow, SpanRow, SummaryRow};
use crate::sqlstate::read_error;

async fn summary(
    connection: &mut PgConnection,
    tenant: Uuid,
    trace_id: TraceId,
) -> Result<Option<TraceSummary>, ReadError> {
    let row: Option<SummaryRow> = compile::summary(tenant, uuid(trace_id))
        .build_query_as()
        .fetch_optional(connection)
        .await
        .map_err(read_error)?;
    row.map(TraceSummary::try_from).transpose()
}

pub(super) async fn skeleton(
    connection: &mut PgConnection,
    tenant: Uuid,
    trace_id: TraceId,
    now: UnixNanos,
) -> Result<Option<TraceSkeleton>, ReadError> {
    let Some(summary) = summary(connection, tenant, trace_id).await? else {
        return Ok(None);
    };
    let (first_ns, last_ns) = starts(&summary);
    let mut rows: Vec<SkeletonRow> = sqlx::query_as(include_str!("skeleton.sql"))
        .bind(tenant)
        .bind(uuid(trace_id))
        .bind(first_ns)
        .bind(last_ns)
        .fetch_all(&mut *connection)
        .await
        .map_err(read_error)?;
    rows.sort_unstable_by_key(SkeletonRow::place);
    let ids = rows.iter().map(|row| row.operation_id);
    let operations = dictionary::operations(connection, tenant, ids).await?;
    let mut marks = event_marks(connection, tenant, &summary, &rows).await?;
    let unknown = Operation::unknown();
    let mut services = Places::default();
    let mut spans = Vec::with_capacity(rows.len());
    for row in rows {
        let operation = operations.get(&row.operation_id).unwrap_or(&unknown);
        spans.push(SkeletonSpan {
            span_id: row.span_id()?,
            parent_span_id: row.parent_span_id()?,
            name: operation.name.clone(),
            kind: row.kind(),
            service: services.of(operation.service()),
            start: UnixNanos::new(row.start_ns),
            duration_ns: row.duration_ns,
            status: row.status(),
            events: marks
                .remove(&(row.place().1, row.start_ns))
                .unwrap_or_default(),
        });
    }
    let asked = asked(tenant, trace_id, &summary, now);
    let parents = spans
        .iter()
        .filter_map(|span| span.parent_span_id)
        .collect();
    let present = spans.iter().map(|span| span.span_id).collect();
    let (completeness, open) = receipt::read(connection, asked, &parents, &present).await?;
    spans.extend(open.iter().map(|span| SkeletonSpan {
        span_id: span.span_id,
        parent_span_id: span.parent_span_id,
        name: span.name.clone(),
        kind: span.kind,
        service: services.of(&span.service),
        start: span.start,
        duration_ns: span.seen.since(span.start),
        status: StatusCode::Unset,
        events: Vec::new(),
    }));
    spans.sort_by_key(|span| (span.start, span.span_id));
    Ok(Some(TraceSkeleton {
        summary,
        services: services.names,
        spans,
        completeness,
        open,
    }))
}

/// Spans whose events are drawn, at most.
const MARKED_SPANS: usize = 2_000;
/// Events of a span that are drawn take at most so many bytes.
const MARKED_BYTES: i32 = 8 * 1024;

/// The events' marks of the first spans that have any, by id and start of the span.
async fn event_marks(
    connection: &mut PgConnection,
    tenant: Uuid,
    summary: &TraceSummary,
    rows: &[SkeletonRow],
) -> Result<HashMap<(i64, i64), Vec<(UnixNanos, String)>>, ReadError> {
    let eventful = rows.iter().filter(|row| row.has_events);
    let ids: Vec<i64> = eventful
        .take(MARKED_SPANS)
        .map(|row| row.place().1)
        .collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let (first_ns, last_ns) = starts(summary);
    let rows: Vec<MarksRow> = sqlx::query_as(include_str!("event_marks.sql"))
        .bind(tenant)
        .bind(uuid(summary.trace_id))
        .bind(first_ns)
        .bind(last_ns)
        .bind(ids)
        .bind(MARKED_BYTES)
        .fetch_all(connection)
        .await
        .map_err(read_error)?;
    rows.into_iter()
        .map(|row| Ok(((row.span_id, row.start_ns), row.marks()?)))
        .collect()
}

pub(super) async fn span_details(
    connection: &mut PgConnection,
    tenant: Uuid,
    trace_id: TraceId,
    span_id: SpanId,
) -> Result<Vec<SpanDetails>, ReadError> {
    let Some(summary) = summary(connection, tenant, trace_id).await? else {
        return Ok(Vec::new());
    };
    let (first_ns, last_ns) = starts(&summary);
    let rows: Vec<SpanRow> = sqlx::query_as(include_str!("spans_by_id.sql"))
        .bind(tenant)
        .bind(uuid(trace_id))
        .bind(first_ns)
        .bind(last_ns)
        .bind(span_id.to_i64())
        .fetch_all(&mut *connection)
        .await
        .map_err(read_error)?;
    let referred = Referred::of(connection, tenant, &rows).await?;
    rows.into_iter()
        .map(|row| {
            let references = row.payloads()?;
            let mut details = SpanDetails {
                resource: referred
                    .resources
                    .get(&row.resource_id)
                    .cloned()
                    .unwrap_or_default(),
                scope: referred
                    .scopes
                    .get(&row.scope_id)
                    .cloned()
                    .unwrap_or_default(),
                received: row.received(),
                payloads: Vec::new(),
                span: referred.span(row, trace_id)?,
            };
            details.payloads = payload::of_span(&references, &details.span);
            Ok(details)
        })
        .collect()
}

pub(super) async fn whole(
    connection: &mut PgConnection,
    tenant: Uuid,
    trace_id: TraceId,
    now: UnixNanos,
) -> Result<Option<Trace>, ReadError> {
    let Some(summary) = summary(connection, tenant, trace_id).await? else {
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
    let (mut resources, mut resource_at) = (Vec::new(), HashMap::new());
    let (mut scopes, mut scope_at) = (Vec::new(), HashMap::new());
    let mut spans = Vec::with_capacity(rows.len());
    let mut detached = Vec::new();
    for row in rows {
        let references = row.payloads()?;
        if !references.is_empty() {
            detached.push((spans.len(), row.day_ns(), references));
        }
        let resource = *resource_at.entry(row.resource_id).or_insert_with(|| {
            resources.push(
                referred
                    .resources
                    .remove(&row.resource_id)
                    .unwrap_or_default(),
            );
            resources.len() as u32 - 1
        });
        let scope = *scope_at.entry(row.scope_id).or_insert_with(|| {
            scopes.push(referred.scopes.remove(&row.scope_id).unwrap_or_default());
            scopes.len() as u32 - 1
        });
        spans.push(StoredSpan {
            resource,
            scope,
            received: row.received(),
            span: referred.span(row, trace_id)?,
        });
    }
    let wanted = detached
        .iter()
        .flat_map(|(_, day, references)| references.iter().map(|known| (known.hash, *day)))
        .collect();
    let values = payload::fetch(connection, tenant, wanted).await?;
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
        resources,
        scopes,
        spans,
    }))
}

/// One value that is kept apart from a span; none when the span has none with this hash.
pub(super) async fn span_payload(
    connection: &mut PgConnection,
    tenant: Uuid,
    trace_id: TraceId,
    span_id: SpanId,
    hash: &str,
) -> Result<Option<Payload>, ReadError> {
    let Some(summary) = summary(connection, tenant, trace_id).await? else {
        return Ok(None);
    };
    let (first_ns, last_ns) = starts(&summary);
    let rows: Vec<SpanRow> = sqlx::query_as(include_str!("spans_by_id.sql"))
        .bind(tenant)
        .bind(uuid(trace_id))
        .bind(first_ns)
        .bind(last_ns)
        .bind(span_id.to_i64())
        .fetch_all(&mut *connection)
        .await
        .map_err(read_error)?;
    for row in rows {
        let (references, day_ns) = (row.payloads()?, row.day_ns());
        let span = row.into_span(trace_id, String::new())?;
        let described = payload::of_span(&references, &span);
        if let Some(reference) = described.into_iter().find(|known| known.hash == hash) {
            return payload::one(connection, tenant, reference, day_ns).await;
        }
    }
    Ok(None)
}

/// What rows of spans refer to.
struct Referred {
    operations: HashMap<i64, Operation>,
    resources: HashMap<i64, throughline_wire::Resource>,
    scopes: HashMap<i64, throughline_wire::InstrumentationScope>,
}

impl Referred {
    async fn of(
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

    fn span(&self, row: SpanRow, trace_id: TraceId) -> Result<throughline_wire::Span, ReadError> {
        let name = self.operations.get(&row.operation_id).map_or_else(
            || Operation::unknown().name,
            |operation| operation.name.clone(),
        );
        row.into_span(trace_id, name)
    }
}

/// Names in order of their first use.
#[derive(Default)]
struct Places {
    names: Vec<String>,
    at: HashMap<String, u32>,
}

impl Places {
    fn of(&mut self, name: &str) -> u32 {
        if let Some(at) = self.at.get(name) {
            return *at;
        }
        let at = self.names.len() as u32;
        self.names.push(name.to_owned());
        self.at.insert(name.to_owned(), at);
        at
    }
}

fn asked(tenant: Uuid, trace_id: TraceId, summary: &TraceSummary, now: UnixNanos) -> Asked {
    let (first_ns, last_ns) = starts(summary);
    Asked {
        tenant,
        trace_id: uuid(trace_id),
        first_ns,
        last_ns,
        now,
    }
}

/// The first and the last instant at which a span of the trace may begin.
fn starts(summary: &TraceSummary) -> (i64, i64) {
    let first = summary.start;
    (first.get(), first.saturating_add(summary.duration_ns).get())
}

fn uuid(trace_id: TraceId) -> Uuid {
    Uuid::from_bytes(trace_id.to_bytes())
}
