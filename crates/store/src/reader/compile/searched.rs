//! The conditions that no index answers, which are searched for within a bound.

use sqlx::{Postgres, QueryBuilder};
use throughline_model::{AttributeCondition, TraceFilter};

use super::conditions::Conditions;
use super::needles::push_needles;

impl<'a> Conditions<'a> {
    fn searched_attributes(&self) -> impl Iterator<Item = (&'a AttributeCondition, &'a [i64])> {
        self.attributes()
            .filter_map(|(condition, resources)| Some((condition, resources?)))
    }

    /// Whether anything has to be searched for.
    pub(super) fn has_searched(&self) -> bool {
        let TraceFilter {
            min_spans,
            max_spans,
            error,
            ..
        } = self.filter;
        let by_row = min_spans.is_some() || max_spans.is_some() || error.is_some();
        by_row || self.searches_operations() || self.reads_spans()
    }

    /// Whether the search reads spans, not the directory alone.
    pub(super) fn reads_spans(&self) -> bool {
        self.searched_attributes().next().is_some()
    }

    /// Whether a condition beside the range of time chooses what is searched through.
    pub(super) fn are_chosen(&self) -> bool {
        let mut fast = QueryBuilder::<Postgres>::new("");
        self.push_fast(&mut fast);
        let mut range = QueryBuilder::<Postgres>::new("");
        self.push_range(&mut range);
        fast.sql() != range.sql()
    }

    /// Appends the conditions that are searched for, each after ` AND `.
    pub(super) fn push_searched(&self, query: &mut QueryBuilder<Postgres>) {
        let TraceFilter {
            min_spans,
            max_spans,
            error,
            ..
        } = self.filter;
        if let Some(least) = min_spans {
            query
                .push(" AND t.span_count >= ")
                .push_bind(i64::try_from(*least).unwrap_or(i64::MAX));
        }
        if let Some(most) = max_spans {
            query
                .push(" AND t.span_count <= ")
                .push_bind(i64::try_from(*most).unwrap_or(i64::MAX));
        }
        if let Some(error) = error {
            query
                .push(" AND (strpos(t.error_message, ")
                .push_bind(error.clone())
                // The column's own collation knows the lower case of ASCII alone.
                .push(") > 0 OR strpos(lower(t.error_message COLLATE \"default\"), ")
                .push_bind(error.to_lowercase())
                .push(") > 0)");
        }
        self.push_searched_operations(query);
        for (condition, resources) in self.searched_attributes() {
            // Not EXISTS, which the planner may turn into a join that reads all spans there are:
            // this is asked of one candidate after the other.
            query.push(
                " AND (SELECT true FROM spans AS s WHERE s.tenant_id = t.tenant_id \
                 AND s.trace_id = t.trace_id AND s.start_ns BETWEEN t.start_ns AND t.end_ns AND (",
            );
            push_needles(query, condition, "s.attributes");
            if !resources.is_empty() {
                query
                    .push(" OR s.resource_id = ANY(")
                    .push_bind(resources.to_vec())
                    .push(")");
            }
            query.push(") LIMIT 1)");
        }
    }
}
