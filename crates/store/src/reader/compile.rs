//! Turns a filter into SQL: the only place where a statement is put together, and every value in
//! it is bound.

mod conditions;
mod durations;
mod leads;
mod needles;
mod operations;
mod sample;
mod searched;
mod text;

use sqlx::{Postgres, QueryBuilder};
use throughline_model::{Cursor, Direction, PageRequest, TraceFilter, TraceStatistics};
use throughline_wire::UnixNanos;
use uuid::Uuid;

use self::conditions::Conditions;
pub(super) use self::conditions::{Known, KnownAttribute};
pub(super) use self::leads::{Lead, expected_of_service};
pub(super) use self::needles::resources;
pub(super) use self::operations::{MOST_OPERATIONS, operations};
pub(super) use self::sample::Sample;
pub(super) use self::text::{Text, push_text};

/// Everything a summary shows, of the rows of `traces` that stand between the two halves.
pub(super) const SUMMARY: (&str, &str) = (
    include_str!("summary_head.sql"),
    include_str!("summary_tail.sql"),
);

/// Rows of the directory that one search looks at, where it looks at all of a range.
const SEARCHED_TRACES: i64 = 15_000;
/// The same where other conditions choose among them: those lie in places all over the directory.
const SEARCHED_CHOSEN: i64 = 2_500;
/// Spans that one search looks at, nearly.
const SEARCHED_SPANS: i64 = 10_000;

/// The traces a filter selects, at one moment.
pub(super) struct Selection<'a> {
    conditions: Conditions<'a>,
    from_ns: i64,
    to_ns: i64,
    /// The conditions that an index answers with how many traces the planner expects of each; empty
    /// where that need not be known.
    expected: Vec<(u64, Lead)>,
}

impl<'a> Selection<'a> {
    /// Ends of a range beyond this (the years 1823 and 2116) are moved here, so that the
    /// difference of two instants fits a bigint.
    const FAR_NS: i64 = 1 << 62;

    /// The filter at this moment, given what the dictionaries say of it.
    pub(super) fn new(
        tenant: Uuid,
        filter: &'a TraceFilter,
        now: UnixNanos,
        known: &'a Known,
    ) -> Self {
        let (from, to) = filter.range.bounds(now);
        let from_ns = from.get().clamp(-Self::FAR_NS, Self::FAR_NS);
        let to_ns = to.get().clamp(-Self::FAR_NS, Self::FAR_NS);
        Self {
            conditions: Conditions::new(tenant, filter, (from_ns, to_ns), known),
            from_ns,
            to_ns,
            expected: Vec::new(),
        }
    }

    /// First instant of the range.
    pub(super) const fn first_ns(&self) -> i64 {
        self.from_ns
    }

    /// End of the range, exclusive.
    pub(super) const fn end_ns(&self) -> i64 {
        self.to_ns
    }

    /// Length of each of the stretches the range is cut into for statistics.
    pub(super) fn bucket_ns(&self) -> i64 {
        let buckets = TraceStatistics::BUCKETS as i64;
        let range = self.to_ns.saturating_sub(self.from_ns).max(1);
        range / buckets + i64::from(range % buckets != 0)
    }

    /// Whether some condition has to be searched for, within a bound, and so is a page.
    pub(super) fn is_searched(&self) -> bool {
        self.conditions.has_searched()
    }

    /// Whether a page stops at a bound when it is not full by then.
    pub(super) fn may_stop(&self) -> bool {
        self.is_searched() || self.is_by_duration() || self.along().is_some()
    }

    /// One page, with a row more than asked for when the list goes on.
    pub(super) fn page(&self, page: PageRequest, limit: i64) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new(SUMMARY.0);
        query.push("SELECT * FROM ");
        if self.is_by_duration() {
            self.push_by_duration(&mut query, page.from, limit);
        } else if self.along().is_some() {
            self.push_candidates(&mut query, page.from);
            query.push(" ");
            self.conditions.push_fast(&mut query);
        } else {
            self.push_rows(&mut query, page.from, Sample::All);
        }
        query.push(order(page.from));
        query.push(" LIMIT ").push_bind(limit + 1);
        query.push(SUMMARY.1);
        query
    }

    /// The last row that a search looks at.
    pub(super) fn search_end(&self, from: Option<(Direction, Cursor)>) -> QueryBuilder<Postgres> {
        if self.is_by_duration() {
            return self.duration_search_end(from);
        }
        let mut query = QueryBuilder::new("SELECT t.start_ns, t.trace_id FROM ");
        self.push_candidates(&mut query, from);
        query.push(match from {
            Some((Direction::Before, _)) => " ORDER BY t.start_ns DESC, t.trace_id DESC LIMIT 1",
            _ => " ORDER BY t.start_ns, t.trace_id LIMIT 1",
        });
        query
    }

    /// Whether there are rows beyond `from` that a search could look at.
    pub(super) fn goes_on(&self, from: (Direction, Cursor)) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new("SELECT EXISTS (SELECT FROM traces AS t ");
        self.push_looked_at(&mut query);
        push_cursor(&mut query, Some(from));
        query.push(")");
        query
    }

    /// How many rows the list has.
    pub(super) fn total(&self, sample: Sample) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new("SELECT count(*) FROM ");
        self.push_rows(&mut query, None, sample);
        query
    }

    /// How many traces of a sample began in the range, whatever else the filter says.
    pub(super) fn began(&self, sample: Sample) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new("SELECT count(*) FROM traces AS t ");
        self.conditions.push_range(&mut query);
        query.push(sample.condition());
        query
    }

    /// The figures over the rows; see the file for the shape of its answer.
    pub(super) fn statistics(&self, sample: Sample) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new("WITH bounds AS (SELECT ");
        query.push_bind(self.from_ns);
        query.push("::bigint AS from_ns, ");
        query.push_bind(self.bucket_ns());
        query.push("::bigint AS bucket_ns, ");
        query.push_bind(TraceStatistics::MAX_ROWS as i64);
        query.push("::bigint AS max_rows), selected AS MATERIALIZED (SELECT ");
        query.push(include_str!("statistics_columns.sql"));
        query.push(" FROM ");
        self.push_rows(&mut query, None, sample);
        query.push("), named AS MATERIALIZED (");
        query.push(include_str!("statistics_names.sql"));
        query.push(") ");
        query.push(include_str!("statistics.sql"));
        query
    }

    /// The rows selected, as `<table> AS t WHERE ...`: of a sample, or when something has to be
    /// searched for, of those within the bound.
    fn push_rows(
        &self,
        query: &mut QueryBuilder<Postgres>,
        from: Option<(Direction, Cursor)>,
        sample: Sample,
    ) {
        if self.is_searched() {
            self.push_candidates(query, from);
            query.push(" WHERE true");
            self.conditions.push_searched(query);
            return;
        }
        if sample == Sample::All {
            query.push("traces AS t ");
        } else {
            // Kept apart: the whole of a sample is little, and whatever else the planner would have
            // indexes gather of the filter grows with the directory.
            query.push("(SELECT * FROM traces AS t ");
            self.conditions.push_range(query);
            query.push(sample.condition()).push(" OFFSET 0) AS t ");
        }
        self.conditions.push_fast(query);
        push_cursor(query, from);
    }

    /// Appends `WHERE` and what all traces have that a page looks at within a bound.
    fn push_looked_at(&self, query: &mut QueryBuilder<Postgres>) {
        match self.along() {
            Some(lead) => self.conditions.push_lead(query, lead),
            None if self.is_by_duration() => self.conditions.push_lead(query, Lead::Duration),
            None => self.conditions.push_fast(query),
        }
    }

    /// What a search looks at, in the list's order, as `(...) AS t`.
    fn push_candidates(
        &self,
        query: &mut QueryBuilder<Postgres>,
        from: Option<(Direction, Cursor)>,
    ) {
        let reads_spans = self.conditions.reads_spans();
        if reads_spans {
            // A trace is looked at when those before it leave room for its first span.
            query.push("(SELECT * FROM (SELECT t.*, sum(t.span_count) OVER (");
            query.push(order(from));
            query.push(
                " ROWS UNBOUNDED PRECEDING) - t.span_count AS spans_before FROM traces AS t ",
            );
        } else {
            query.push("(SELECT t.* FROM traces AS t ");
        }
        self.push_looked_at(query);
        push_cursor(query, from);
        query.push(order(from));
        let is_scattered = self.is_searched() && self.conditions.are_chosen();
        let most = if is_scattered {
            SEARCHED_CHOSEN
        } else {
            SEARCHED_TRACES
        };
        query.push(" LIMIT ").push_bind(most);
        if reads_spans {
            query
                .push(") AS t WHERE spans_before < ")
                .push_bind(SEARCHED_SPANS);
        }
        query.push(") AS t");
    }
}

const fn order(from: Option<(Direction, Cursor)>) -> &'static str {
    match from {
        Some((Direction::Before, _)) => " ORDER BY t.start_ns, t.trace_id",
        _ => " ORDER BY t.start_ns DESC, t.trace_id DESC",
    }
}

pub(super) fn push_cursor(query: &mut QueryBuilder<Postgres>, from: Option<(Direction, Cursor)>) {
    let Some((direction, cursor)) = from else {
        return;
    };
    query.push(match direction {
        Direction::After => " AND (t.start_ns, t.trace_id) < (",
        Direction::Before => " AND (t.start_ns, t.trace_id) > (",
    });
    query.push_bind(cursor.start.get()).push(", ");
    query.push_bind(Uuid::from_bytes(cursor.trace_id.to_bytes()));
    query.push(")");
}

/// The summary of one trace.
pub(super) fn summary(tenant: Uuid, trace_id: Uuid) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(SUMMARY.0);
    query.push("SELECT * FROM traces AS t WHERE t.tenant_id = ");
    query.push_bind(tenant);
    query.push(" AND t.trace_id = ");
    query.push_bind(trace_id);
    query.push(SUMMARY.1);
    query
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

#[cfg(test)]
mod tests;
