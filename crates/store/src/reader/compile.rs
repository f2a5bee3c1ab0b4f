//! Turns a filter into SQL: the only place where a statement is put together, and every value in
//! it is bound.

use sqlx::{Postgres, QueryBuilder};
use throughline_model::{
    Cursor, Direction, PageRequest, StatusFilter, TraceFilter, TraceStatistics,
};
use throughline_wire::UnixNanos;
use uuid::Uuid;

use crate::ids;

/// Everything a summary shows, of the rows of `traces` that stand between the two halves.
const SUMMARY: (&str, &str) = (
    include_str!("summary_head.sql"),
    include_str!("summary_tail.sql"),
);

/// The traces a filter selects, at one moment.
pub(super) struct Selection<'a> {
    tenant: Uuid,
    filter: &'a TraceFilter,
    from_ns: i64,
    to_ns: i64,
}

impl<'a> Selection<'a> {
    /// Ends of a range beyond this (the years 1823 and 2116) are moved here, so that the
    /// difference of two instants fits a bigint.
    const FAR_NS: i64 = 1 << 62;

    pub(super) fn new(tenant: Uuid, filter: &'a TraceFilter, now: UnixNanos) -> Self {
        let (from, to) = filter.range.bounds(now);
        Self {
            tenant,
            filter,
            from_ns: from.get().clamp(-Self::FAR_NS, Self::FAR_NS),
            to_ns: to.get().clamp(-Self::FAR_NS, Self::FAR_NS),
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

    /// One page, with a row more than asked for when the list goes on.
    pub(super) fn page(&self, page: PageRequest, limit: i64) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new(SUMMARY.0);
        query.push("SELECT * FROM traces AS t ");
        self.push_where(&mut query);
        if let Some((direction, cursor)) = page.from {
            push_cursor(&mut query, direction, cursor);
        }
        query.push(match page.from {
            Some((Direction::Before, _)) => " ORDER BY t.start_ns, t.trace_id LIMIT ",
            _ => " ORDER BY t.start_ns DESC, t.trace_id DESC LIMIT ",
        });
        query.push_bind(limit + 1);
        query.push(SUMMARY.1);
        query
    }

    /// How many rows the list has, counted up to `cap` and one.
    pub(super) fn total(&self, cap: i64) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new("SELECT count(*) FROM (SELECT FROM traces AS t ");
        self.push_where(&mut query);
        query.push(" LIMIT ");
        query.push_bind(cap.saturating_add(1));
        query.push(") AS counted");
        query
    }

    /// The figures over all the rows; see the file for the shape of its answer.
    pub(super) fn statistics(&self) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new("WITH bounds AS (SELECT ");
        query.push_bind(self.from_ns);
        query.push("::bigint AS from_ns, ");
        query.push_bind(self.bucket_ns());
        query.push("::bigint AS bucket_ns, ");
        query.push_bind(TraceStatistics::MAX_ROWS as i64);
        query.push("::bigint AS max_rows), selected AS MATERIALIZED (SELECT ");
        query.push(include_str!("statistics_columns.sql"));
        query.push(" FROM traces AS t ");
        self.push_where(&mut query);
        query.push(") ");
        query.push(include_str!("statistics.sql"));
        query
    }

    fn push_where(&self, query: &mut QueryBuilder<Postgres>) {
        // Taken apart so that a new condition cannot be forgotten here.
        let TraceFilter {
            range: _,
            service,
            operation,
            status,
            min_duration_ns,
            user,
            session,
        } = self.filter;
        query.push("WHERE t.tenant_id = ").push_bind(self.tenant);
        query.push(" AND t.start_ns >= ").push_bind(self.from_ns);
        query.push(" AND t.start_ns < ").push_bind(self.to_ns);
        if let Some(service) = service {
            query
                .push(" AND t.services @> ARRAY[")
                .push_bind(ids::service(service))
                .push("::bigint]");
        }
        if let Some(operation) = operation {
            // A position, not a pattern: nothing in the text means anything but itself.
            query
                .push(
                    " AND t.root_operation_id IN (SELECT o.id FROM operations AS o \
                     WHERE o.tenant_id = ",
                )
                .push_bind(self.tenant)
                .push(" AND strpos(o.name_folded, ")
                .push_bind(operation.to_lowercase())
                .push(") > 0)");
        }
        match status {
            Some(StatusFilter::Ok) => {
                query.push(" AND NOT t.has_error");
            }
            Some(StatusFilter::Error) => {
                query.push(" AND t.has_error");
            }
            None => {}
        }
        if let Some(min_duration_ns) = min_duration_ns {
            query
                .push(" AND t.end_ns - t.start_ns >= ")
                .push_bind(*min_duration_ns);
        }
        if let Some(user) = user {
            query.push(" AND t.user_id = ").push_bind(user.clone());
        }
        if let Some(session) = session {
            query
                .push(" AND t.session_id = ")
                .push_bind(session.clone());
        }
    }
}

fn push_cursor(query: &mut QueryBuilder<Postgres>, direction: Direction, cursor: Cursor) {
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
mod tests {
    use throughline_model::TimeRange;

    use super::*;

    #[test]
    fn no_value_of_a_filter_is_part_of_the_statement() {
        let text = || Some("'; DROP TABLE spans; --".to_owned());
        let filter = TraceFilter {
            range: TimeRange::Last(1_234_567),
            service: text(),
            operation: text(),
            status: Some(StatusFilter::Error),
            min_duration_ns: Some(1_234_567),
            user: text(),
            session: text(),
        };
        let selection = Selection::new(Uuid::nil(), &filter, UnixNanos::new(1_234_567_890));
        for query in [
            selection.page(PageRequest::default(), 50),
            selection.total(10_000),
            selection.statistics(),
        ] {
            let sql = query.sql();
            let sql = sql.as_str();
            assert!(!sql.contains("DROP"), "{sql}");
            assert!(!sql.contains("1234567"), "{sql}");
        }
    }

    #[test]
    fn sixty_buckets_cover_any_range() {
        for (from, to) in [(0, 1), (0, 60), (0, 61), (-5, 119), (i64::MIN, i64::MAX)] {
            let filter = TraceFilter {
                range: TimeRange::Between(UnixNanos::new(from), UnixNanos::new(to)),
                ..TraceFilter::default()
            };
            let selection = Selection::new(Uuid::nil(), &filter, UnixNanos::new(0));
            let last = (selection.to_ns - 1 - selection.from_ns) / selection.bucket_ns();
            assert!(
                last < TraceStatistics::BUCKETS as i64,
                "{from}..{to}: {last}"
            );
        }
    }
}
