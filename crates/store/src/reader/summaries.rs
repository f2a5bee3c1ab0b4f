//! Reads summaries of traces by their IDs.

use std::collections::HashMap;

use sqlx::postgres::PgArguments;
use sqlx::{Arguments as _, FromRow, Postgres, QueryBuilder};
use throughline_model::{MatchedSpan, ReadError, TraceSummary};
use throughline_wire::SpanId;
use uuid::Uuid;

use super::context::ReadContext;
use super::corrupt::corrupt;
use super::rows::SummaryRow;
use crate::search::{MATCHED_SPANS, MatchedPlaces, SpanAt};
use crate::sqlstate::read_error;

/// The SQL text before and after the selection of rows of `traces`. Together they read all fields
/// of a summary.
const SUMMARY: (&str, &str) = (
    include_str!("summary_head.sql"),
    include_str!("summary_tail.sql"),
);

/// Returns the statement for the summary of one trace.
pub(super) fn summary(tenant: Uuid, trace_id: Uuid) -> QueryBuilder<Postgres> {
    summaries(tenant, &[trace_id])
}

/// Returns the statement for the summaries of those of the traces that exist, newest first.
pub(super) fn summaries(tenant: Uuid, trace_ids: &[Uuid]) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new("");
    push_summaries(&mut query, tenant, trace_ids);
    query
}

fn push_summaries(query: &mut QueryBuilder<Postgres>, tenant: Uuid, trace_ids: &[Uuid]) {
    query.push(SUMMARY.0);
    query.push("SELECT * FROM traces AS t WHERE t.tenant_id = ");
    query.push_bind(tenant);
    query.push(" AND t.trace_id = ANY(");
    query.push_bind(trace_ids.to_vec());
    query.push(")");
    query.push(SUMMARY.1);
}

#[derive(FromRow)]
struct FoundRow {
    #[sqlx(flatten)]
    summary: SummaryRow,
    matched_span_id: Option<i64>,
    matched_name: Option<String>,
}

/// Reads the summaries of traces by their IDs, each with the span that matched, if there is one.
/// Runs one statement, or none if the list is empty.
pub(super) async fn by_id(
    context: &mut ReadContext<'_>,
    traces: &[(Uuid, Option<SpanAt>)],
) -> Result<HashMap<Uuid, TraceSummary>, ReadError> {
    if traces.is_empty() {
        return Ok(HashMap::new());
    }
    let places = MatchedPlaces::of(traces);
    let trace_ids: Vec<Uuid> = traces.iter().map(|(trace, _)| *trace).collect();
    let mut arguments = PgArguments::default();
    let bound = [
        arguments.add(context.tenant),
        arguments.add(places.levels),
        arguments.add(places.days),
        arguments.add(places.classes),
        arguments.add(places.blocks),
        arguments.add(places.positions),
        arguments.add(places.traces),
    ];
    if bound.iter().any(Result::is_err) {
        return Err(corrupt("arguments")());
    }
    let mut query = QueryBuilder::with_arguments("WITH matched AS MATERIALIZED (", arguments);
    query.push(MATCHED_SPANS);
    query.push(") SELECT summary.*, matched.matched_span_id, matched.matched_name FROM (");
    push_summaries(&mut query, context.tenant, &trace_ids);
    query.push(") AS summary LEFT JOIN matched ON matched.trace_id = summary.trace_id");
    let rows: Vec<FoundRow> = query
        .build_query_as()
        .fetch_all(&mut *context.connection)
        .await
        .map_err(read_error)?;
    rows.into_iter()
        .map(|row| {
            let mut summary = row.summary.into_summary(context.now)?;
            let span_id = row.matched_span_id.and_then(|id| SpanId::from_i64(id).ok());
            summary.matched_span = span_id
                .zip(row.matched_name)
                .map(|(span_id, name)| MatchedSpan { span_id, name });
            Ok((Uuid::from_bytes(summary.trace_id.to_bytes()), summary))
        })
        .collect()
}
