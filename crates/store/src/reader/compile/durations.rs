//! The conditions on durations: by class, which an index has, and exactly.

use sqlx::{Postgres, QueryBuilder};
use throughline_model::{Cursor, Direction, TraceFilter};

use super::conditions::Conditions;
use super::leads::Lead;
use super::{Selection, order, push_cursor};

/// The class of a duration, computed as migration 0003 computes it: rounding is then the same.
const DURATION_CLASS: (&str, &str) = (
    "floor(ln(greatest(",
    "::bigint, 1)::double precision) / ln(2::double precision))::smallint",
);

impl Conditions<'_> {
    /// Appends which classes are meant, which is what the index knows.
    pub(super) fn push_duration_class(&self, query: &mut QueryBuilder<Postgres>) {
        for (bound_ns, is) in self.duration_bounds() {
            query
                .push(" AND t.duration_class")
                .push(is)
                .push(DURATION_CLASS.0)
                .push_bind(bound_ns)
                .push(DURATION_CLASS.1);
        }
    }

    /// Appends which durations are meant.
    pub(super) fn push_duration(&self, query: &mut QueryBuilder<Postgres>) {
        self.push_duration_class(query);
        for (bound_ns, is) in self.duration_bounds() {
            query
                // A CASE, of which the planner thinks that it halves what is left. The comparison
                // it would take for independent of the class, and expect nothing to be left.
                .push(" AND CASE WHEN t.end_ns - t.start_ns")
                .push(is)
                .push_bind(bound_ns)
                .push(" THEN true ELSE false END");
        }
    }

    fn duration_bounds(&self) -> impl Iterator<Item = (i64, &'static str)> {
        let least = self
            .filter
            .min_duration_ns
            .map(|bound_ns| (bound_ns, " >= "));
        let most = self
            .filter
            .max_duration_ns
            .map(|bound_ns| (bound_ns, " <= "));
        least.into_iter().chain(most)
    }

    /// Appends the least and the greatest class of the durations that are meant.
    pub(super) fn push_duration_classes(&self, query: &mut QueryBuilder<Postgres>) {
        let TraceFilter {
            min_duration_ns,
            max_duration_ns,
            ..
        } = self.filter;
        for (bound_ns, comma) in [
            (min_duration_ns.unwrap_or(0), ", "),
            (max_duration_ns.unwrap_or(i64::MAX), ""),
        ] {
            query
                .push("(")
                .push(DURATION_CLASS.0)
                .push_bind(bound_ns)
                .push(DURATION_CLASS.1)
                .push(")::integer")
                .push(comma);
        }
    }
}

impl Selection<'_> {
    /// Whether the index on durations is the one that leads to the list.
    pub(super) fn is_by_duration(&self) -> bool {
        self.leads().next() == Some(Lead::Duration) && !self.is_searched()
    }

    /// Appends the rows of a page as `(...) AS t`: of each class of durations so many as the page
    /// takes, since the index has the order of the list within a class alone.
    pub(super) fn push_by_duration(
        &self,
        query: &mut QueryBuilder<Postgres>,
        from: Option<(Direction, Cursor)>,
        limit: i64,
    ) {
        query.push("(SELECT t.* FROM generate_series(");
        self.conditions.push_duration_classes(query);
        query.push(") AS class CROSS JOIN LATERAL (SELECT * FROM traces AS t ");
        self.conditions.push_fast(query);
        query.push(" AND t.duration_class = class::smallint");
        push_cursor(query, from);
        query.push(order(from)).push(" LIMIT ");
        query.push_bind(limit + 1).push(") AS t) AS t");
    }
}
