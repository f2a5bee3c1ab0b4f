//! The conditions on durations: by class, which an index has, and exactly.

use sqlx::{Postgres, QueryBuilder};
use throughline_model::{Cursor, Direction, TraceFilter};

use super::conditions::Conditions;
use super::leads::Lead;
use super::{SEARCHED_TRACES, Selection, order, push_cursor};

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
    /// takes, since the index has the order of the list within a class alone. Of a class in which
    /// few are meant, [`SEARCHED_TRACES`] are looked at; where the first of such classes ends, the
    /// page does.
    pub(super) fn push_by_duration(
        &self,
        query: &mut QueryBuilder<Postgres>,
        from: Option<(Direction, Cursor)>,
        limit: i64,
    ) {
        query.push("(WITH found AS MATERIALIZED (SELECT t.* FROM generate_series(");
        self.conditions.push_duration_classes(query);
        query.push(
            ") AS class CROSS JOIN LATERAL (SELECT t.*, meant.is_meant FROM (\
             SELECT t.*, row_number() OVER (",
        );
        query.push(class_order(from));
        query.push(") AS place FROM (SELECT * FROM traces AS t ");
        self.push_of_class(query, from);
        query.push(" LIMIT ").push_bind(SEARCHED_TRACES);
        query.push(") AS t) AS t LEFT JOIN LATERAL (SELECT true AS is_meant ");
        self.conditions.push_fast(query);
        query.push(") AS meant ON true WHERE meant.is_meant OR t.place = ");
        query.push_bind(SEARCHED_TRACES).push(class_order(from));
        query.push(" LIMIT ").push_bind(limit + 1);
        query.push(
            ") AS t) SELECT * FROM found WHERE found.is_meant AND NOT EXISTS (\
             SELECT FROM found AS last WHERE last.place = ",
        );
        query
            .push_bind(SEARCHED_TRACES)
            .push(" AND (last.start_ns, last.trace_id)")
            .push(match from {
                Some((Direction::Before, _)) => " < ",
                _ => " > ",
            })
            .push("(found.start_ns, found.trace_id))) AS t");
    }

    /// The row where a page by durations stops: the last that is looked at of a class that has more,
    /// of these the first in the list.
    pub(super) fn duration_search_end(
        &self,
        from: Option<(Direction, Cursor)>,
    ) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new("SELECT t.start_ns, t.trace_id FROM generate_series(");
        self.conditions.push_duration_classes(&mut query);
        query
            .push(") AS class CROSS JOIN LATERAL (SELECT t.start_ns, t.trace_id FROM traces AS t ");
        self.push_of_class(&mut query, from);
        query
            .push(" LIMIT 1 OFFSET ")
            .push_bind(SEARCHED_TRACES - 1);
        query.push(") AS t").push(order(from)).push(" LIMIT 1");
        query
    }

    /// Appends which rows are of `class`, in the order of the list. Classes and instants are compared
    /// and ordered together: the index on durations alone has that order, where of equal classes the
    /// planner takes the one on time, and reads all the others between them.
    fn push_of_class(&self, query: &mut QueryBuilder<Postgres>, from: Option<(Direction, Cursor)>) {
        self.conditions.push_lead(query, Lead::Duration);
        query.push(" AND (t.duration_class, t.start_ns) >= (class::smallint, ");
        query.push_bind(self.from_ns);
        query.push(") AND (t.duration_class, t.start_ns) < (class::smallint, ");
        query.push_bind(self.to_ns).push(")");
        if let Some((direction, cursor)) = from {
            query.push(match direction {
                Direction::After => " AND (t.duration_class, t.start_ns) <= (class::smallint, ",
                Direction::Before => " AND (t.duration_class, t.start_ns) >= (class::smallint, ",
            });
            query.push_bind(cursor.start.get()).push(")");
        }
        push_cursor(query, from);
        query.push(class_order(from));
    }
}

/// The order of the list within a class.
const fn class_order(from: Option<(Direction, Cursor)>) -> &'static str {
    match from {
        Some((Direction::Before, _)) => " ORDER BY t.duration_class, t.start_ns, t.trace_id",
        _ => " ORDER BY t.duration_class DESC, t.start_ns DESC, t.trace_id DESC",
    }
}
