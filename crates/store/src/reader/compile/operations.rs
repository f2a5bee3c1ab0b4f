//! The operations that a filter means.

use sqlx::{Postgres, QueryBuilder};
use throughline_model::{OperationMatch, TraceFilter};
use uuid::Uuid;

/// The ids of the operations the filter means by name and kind; none when it says nothing of them.
pub(in crate::reader) fn operations(
    tenant: Uuid,
    filter: &TraceFilter,
) -> Option<QueryBuilder<Postgres>> {
    if filter.operation.is_none() && filter.kind.is_none() {
        return None;
    }
    let mut query = QueryBuilder::new("SELECT o.id FROM operations AS o WHERE o.tenant_id = ");
    query.push_bind(tenant);
    // Positions, not patterns: nothing in the text means anything but itself.
    match &filter.operation {
        Some(OperationMatch::Exact(text)) => {
            query.push(" AND o.name = ").push_bind(text.clone());
        }
        Some(OperationMatch::Prefix(text)) => {
            query
                .push(" AND starts_with(o.name_folded, ")
                .push_bind(text.to_lowercase())
                .push(")");
        }
        Some(OperationMatch::Contains(text)) => {
            query
                .push(" AND strpos(o.name_folded, ")
                .push_bind(text.to_lowercase())
                .push(") > 0");
        }
        None => {}
    }
    if let Some(kind) = filter.kind {
        query
            .push(" AND o.kind = ")
            .push_bind(i16::from(kind.code()));
    }
    Some(query)
}
