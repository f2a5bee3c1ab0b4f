//! One trace: what the directory says of it, and its skeleton.
//!
//! The directory is asked first: it knows the trace's stretch of time, so that only the
//! partitions of those days are touched.

use std::collections::HashMap;

use sqlx::PgConnection;
use throughline_model::{ReadError, SkeletonSpan, TraceSkeleton, TraceSummary};
use throughline_wire::{StatusCode, TraceId, UnixNanos};
use uuid::Uuid;

use super::compile;
use super::dictionary::{self, Operation, Tenant};
use super::receipt::{self, Asked};
use super::rows::{MarksRow, SkeletonRow, SummaryRow};
use crate::sqlstate::read_error;

/// What the directory says of a trace.
pub(super) async fn summary(
    connection: &mut PgConnection,
    tenant: Uuid,
    trace_id: TraceId,
    now: UnixNanos,
) -> Result<Option<TraceSummary>, ReadError> {
    let row: Option<SummaryRow> = compile::summary(tenant, uuid(trace_id))
        .build_query_as()
        .fetch_optional(connection)
        .await
        .map_err(read_error)?;
    row.map(|row| row.into_summary(now)).transpose()
}

pub(super) async fn skeleton(
    connection: &mut PgConnection,
    tenant: Tenant<'_>,
    trace_id: TraceId,
    now: UnixNanos,
) -> Result<Option<TraceSkeleton>, ReadError> {
    let Some(summary) = summary(connection, tenant.id, trace_id, now).await? else {
        return Ok(None);
    };
    let (first_ns, last_ns) = starts(&summary);
    let mut rows: Vec<SkeletonRow> = sqlx::query_as(include_str!("skeleton.sql"))
        .bind(tenant.id)
        .bind(uuid(trace_id))
        .bind(first_ns)
        .bind(last_ns)
        .fetch_all(&mut *connection)
        .await
        .map_err(read_error)?;
    rows.sort_unstable_by_key(SkeletonRow::place);
    let ids = rows.iter().map(|row| row.operation_id);
    let operations = dictionary::operations(connection, tenant, ids).await?;
    let mut marks = event_marks(connection, tenant.id, &summary, &rows).await?;
    let eventful = rows.iter().filter(|row| row.has_events).count();
    let unmarked_spans = eventful.saturating_sub(marks.len()) as u64;
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
    let asked = asked(tenant.id, trace_id, &summary, now);
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
        unmarked_spans,
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
/// Events that are drawn of all spans together take at most so many bytes.
const ALL_MARKED_BYTES: i64 = 4 << 20;

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
        .bind(ALL_MARKED_BYTES)
        .fetch_all(connection)
        .await
        .map_err(read_error)?;
    rows.into_iter()
        .map(|row| Ok(((row.span_id, row.start_ns), row.marks()?)))
        .collect()
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

/// What completeness asks of the processes of a trace.
pub(super) fn asked(
    tenant: Uuid,
    trace_id: TraceId,
    summary: &TraceSummary,
    now: UnixNanos,
) -> Asked {
    let (first_ns, last_ns) = starts(summary);
    Asked {
        tenant,
        trace_id: uuid(trace_id),
        first_ns,
        last_ns,
        has_open: summary.open.is_some(),
        now,
    }
}

/// The first and the last instant at which a span of the trace may begin.
pub(super) fn starts(summary: &TraceSummary) -> (i64, i64) {
    let first = summary.start;
    (first.get(), first.saturating_add(summary.duration_ns).get())
}

pub(super) fn uuid(trace_id: TraceId) -> Uuid {
    Uuid::from_bytes(trace_id.to_bytes())
}
