//! Summaries of traces, by their ids.

use std::collections::HashMap;

use sqlx::{PgConnection, Postgres, QueryBuilder};
use throughline_model::{ReadError, TraceSummary};
use throughline_wire::UnixNanos;
use uuid::Uuid;

use super::rows::SummaryRow;
use crate::sqlstate::read_error;

/// Everything a summary shows, of the rows of `traces` that stand between the two halves.
const SUMMARY: (&str, &str) = (
    include_str!("summary_head.sql"),
    include_str!("summary_tail.sql"),
);

/// The summary of one trace.
pub(super) fn summary(tenant: Uuid, trace_id: Uuid) -> QueryBuilder<Postgres> {
    summaries(tenant, &[trace_id])
}

/// The summaries of those of the traces that there are, newest first.
pub(super) fn summaries(tenant: Uuid, trace_ids: &[Uuid]) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(SUMMARY.0);
    query.push("SELECT * FROM traces AS t WHERE t.tenant_id = ");
    query.push_bind(tenant);
    query.push(" AND t.trace_id = ANY(");
    query.push_bind(trace_ids.to_vec());
    query.push(")");
    query.push(SUMMARY.1);
    query
}

/// The summaries by id.
pub(super) async fn by_id(
    connection: &mut PgConnection,
    tenant: Uuid,
    trace_ids: &[Uuid],
    now: UnixNanos,
) -> Result<HashMap<Uuid, TraceSummary>, ReadError> {
    if trace_ids.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<SummaryRow> = summaries(tenant, trace_ids)
        .build_query_as()
        .fetch_all(connection)
        .await
        .map_err(read_error)?;
    rows.into_iter()
        .map(|row| {
            let summary = row.into_summary(now)?;
            Ok((Uuid::from_bytes(summary.trace_id.to_bytes()), summary))
        })
        .collect()
}
