//! The operations that a filter means.

use sqlx::{Postgres, QueryBuilder};
use throughline_model::{OperationMatch, TraceFilter};
use uuid::Uuid;

use super::conditions::Conditions;

/// Operations whose ids a statement is given, at most; of more, each trace is asked for its own.
pub(in crate::reader) const MOST_OPERATIONS: usize = 2_000;

/// The ids of the operations the filter means by name and kind, one more than [`MOST_OPERATIONS`]
/// at most; none when it says nothing of them.
pub(in crate::reader) fn operations(
    tenant: Uuid,
    filter: &TraceFilter,
) -> Option<QueryBuilder<Postgres>> {
    if filter.operation.is_none() && filter.kind.is_none() {
        return None;
    }
    let mut query = QueryBuilder::new("SELECT o.id FROM operations AS o WHERE o.tenant_id = ");
    query.push_bind(tenant);
    push_meant(&mut query, filter);
    query.push(" LIMIT ").push_bind(MOST_OPERATIONS as i64 + 1);
    Some(query)
}

/// Appends that an operation `o` is one of those the filter means.
fn push_meant(query: &mut QueryBuilder<Postgres>, filter: &TraceFilter) {
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
}

impl Conditions<'_> {
    /// Whether the filter says something of operations.
    pub(super) fn has_operations(&self) -> bool {
        self.filter.operation.is_some() || self.filter.kind.is_some()
    }

    /// Whether so many operations are meant that each trace is asked for its own.
    pub(super) fn searches_operations(&self) -> bool {
        self.has_operations() && self.known.operations.is_none()
    }

    /// Appends that the root operation is one of those that are meant, where these are known.
    pub(super) fn push_operations(&self, query: &mut QueryBuilder<Postgres>) {
        if let Some(operations) = &self.known.operations
            && self.has_operations()
        {
            query
                .push(" AND t.root_operation_id = ANY(")
                .push_bind(operations.clone())
                .push(")");
        }
    }

    /// Appends the same where they are too many to be known.
    pub(super) fn push_searched_operations(&self, query: &mut QueryBuilder<Postgres>) {
        if !self.searches_operations() {
            return;
        }
        // Not EXISTS, which the planner may turn into a join that reads all operations there are.
        query.push(
            " AND (SELECT true FROM operations AS o WHERE o.tenant_id = t.tenant_id \
             AND o.id = t.root_operation_id",
        );
        push_meant(query, self.filter);
        query.push(")");
    }
}
