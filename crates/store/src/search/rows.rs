//! Reads the rows of traces. It builds the SQL conditions of a filter and the statements that read
//! rows in the order of the list. Every value is a bind parameter.

use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};
use throughline_model::{Direction, ReadError, StatusFilter, TraceFilter};
use uuid::Uuid;

use super::plan::ScanPlan;
use super::sources::push_condition;
use super::trace_row::{RowKey, TraceRow};
use crate::ids;
use crate::indexed_text::{MAX_CHARS, MAX_SESSION_CHARS, beginning};
use crate::sqlstate::read_error;

/// The conditions on the rows of traces. The search applies them before it looks at spans.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowSelection<'a> {
    pub tenant: Uuid,
    pub filter: Option<&'a TraceFilter>,
    /// The start of the range, inclusive, in ns since 1970.
    pub from_ns: i64,
    /// The end of the range, exclusive, in ns since 1970.
    pub to_ns: i64,
    /// True if the search reads users.
    pub with_users: bool,
    /// Restricts the search to these traces.
    pub only: Option<&'a [Uuid]>,
}

/// Rows that were read in the order of the list.
#[derive(Debug)]
pub(super) struct Walked {
    /// The selected rows.
    pub rows: Vec<TraceRow>,
    /// The last row that was read, if the number of rows reached the limit. More rows may follow.
    pub last: Option<RowKey>,
}

#[derive(FromRow)]
struct WalkedRow {
    #[sqlx(flatten)]
    row: TraceRow,
    is_selected: bool,
    is_last: bool,
}

impl RowSelection<'_> {
    /// Reads the next `limit` rows after `from` that are in the range and start at `lower_ns` or
    /// later.
    pub(super) async fn walk(
        &self,
        connection: &mut PgConnection,
        plan: &ScanPlan,
        (direction, from): (Direction, Option<RowKey>),
        lower_ns: i64,
        limit: i64,
    ) -> Result<Walked, ReadError> {
        let order = match direction {
            Direction::Before => " ORDER BY start_ns, trace_id",
            Direction::After => " ORDER BY start_ns DESC, trace_id DESC",
        };
        let mut query = self.select(plan);
        // On a NULL column a condition is neither true nor false, so this compares with IS TRUE.
        query.push(", t.is_selected, t.place = ").push_bind(limit);
        query.push(" AS is_last FROM (SELECT t.*, (true");
        self.push_conditions(&mut query);
        query
            .push(") IS TRUE AS is_selected, row_number() OVER (")
            .push(order);
        query.push(") AS place FROM (SELECT * FROM traces AS t ");
        self.push_range(&mut query, lower_ns);
        if let Some((start_ns, trace_id)) = from {
            query.push(match direction {
                Direction::After => " AND (t.start_ns, t.trace_id) < (",
                Direction::Before => " AND (t.start_ns, t.trace_id) > (",
            });
            query
                .push_bind(start_ns)
                .push(", ")
                .push_bind(trace_id)
                .push(")");
        }
        query.push(order).push(" LIMIT ").push_bind(limit);
        query.push(") AS t) AS t WHERE t.is_selected OR t.place = ");
        query.push_bind(limit).push(" ORDER BY t.place");
        let all: Vec<WalkedRow> = query
            .build_query_as()
            .fetch_all(connection)
            .await
            .map_err(read_error)?;
        Ok(Walked {
            last: all
                .last()
                .filter(|walked| walked.is_last)
                .map(|walked| walked.row.row_key()),
            rows: all
                .into_iter()
                .filter(|walked| walked.is_selected)
                .map(|walked| walked.row)
                .collect(),
        })
    }

    /// Reads the rows of these traces that are selected and start at `lower_ns` or later. The order
    /// is undefined.
    pub(super) async fn found(
        &self,
        connection: &mut PgConnection,
        plan: &ScanPlan,
        trace_ids: Vec<Uuid>,
        lower_ns: i64,
    ) -> Result<Vec<TraceRow>, ReadError> {
        let mut query = self.select(plan);
        query.push(" FROM traces AS t ");
        self.push_range(&mut query, lower_ns);
        query
            .push(" AND t.trace_id = ANY(")
            .push_bind(trace_ids)
            .push(")");
        self.push_conditions(&mut query);
        query
            .build_query_as()
            .fetch_all(connection)
            .await
            .map_err(read_error)
    }

    /// Returns the number of selected rows among the newest `limit` rows of the range, and the
    /// number of rows that were read.
    pub(crate) async fn count(
        &self,
        connection: &mut PgConnection,
        limit: i64,
    ) -> Result<(u64, i64), ReadError> {
        let mut query = QueryBuilder::new("SELECT count(*) FILTER (WHERE true");
        self.push_conditions(&mut query);
        query.push("), count(*) FROM (SELECT * FROM traces AS t ");
        self.push_range(&mut query, self.from_ns);
        query
            .push(" ORDER BY t.start_ns DESC LIMIT ")
            .push_bind(limit)
            .push(") AS t");
        let (selected, looked_at): (i64, i64) = query
            .build_query_as()
            .fetch_one(connection)
            .await
            .map_err(read_error)?;
        Ok((selected.unsigned_abs(), looked_at))
    }

    fn select(&self, plan: &ScanPlan) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new(
            "SELECT t.trace_id, t.start_ns, t.end_ns, t.first_block_id, t.has_error, \
             t.root_operation_id, ",
        );
        query.push(if self.with_users {
            "t.user_id"
        } else {
            "NULL::text"
        });
        query.push(" AS user_id, ARRAY[");
        for (at, (_, source)) in plan.sources().enumerate() {
            query.push(if at == 0 { "" } else { ", " });
            push_condition(&mut query, source);
        }
        query.push("]::boolean[] AS sources");
        query
    }

    /// Appends `WHERE` and the conditions that the index on starts covers.
    fn push_range(&self, query: &mut QueryBuilder<Postgres>, lower_ns: i64) {
        query.push("WHERE t.tenant_id = ").push_bind(self.tenant);
        query
            .push(" AND t.start_ns >= ")
            .push_bind(self.from_ns.max(lower_ns));
        query.push(" AND t.start_ns < ").push_bind(self.to_ns);
        if let Some(only) = self.only {
            query
                .push(" AND t.trace_id = ANY(")
                .push_bind(only.to_vec())
                .push(")");
        }
        if self.filter.is_some_and(is_of_errors) {
            query.push(" AND t.has_error");
        }
    }

    /// Appends the other conditions on row `t`, each preceded by ` AND `.
    fn push_conditions(&self, query: &mut QueryBuilder<Postgres>) {
        let Some(filter) = self.filter else {
            return;
        };
        // The pattern names every field, so that the compiler reports a new condition.
        let TraceFilter {
            range: _,
            service,
            operation: _,
            kind: _,
            status,
            min_duration_ns,
            max_duration_ns,
            min_spans,
            max_spans,
            user,
            session,
            correlation: _,
            error: _,
            is_pinned,
            attributes: _,
        } = filter;
        if let Some(service) = service {
            let service = ids::service(service);
            query
                .push(" AND (")
                .push_bind(service)
                .push(HAS_SERVICE)
                .push_bind(service)
                .push(")))");
        }
        if *status == Some(StatusFilter::Ok) {
            query.push(" AND NOT t.has_error");
        }
        let count = |count: &u64| i64::try_from(*count).unwrap_or(i64::MAX);
        let bounds = [
            (" AND t.end_ns - t.start_ns >= ", *min_duration_ns),
            (" AND t.end_ns - t.start_ns <= ", *max_duration_ns),
            (" AND t.span_count >= ", min_spans.as_ref().map(count)),
            (" AND t.span_count <= ", max_spans.as_ref().map(count)),
        ];
        for (condition, bound) in bounds {
            if let Some(bound) = bound {
                query.push(condition).push_bind(bound);
            }
        }
        let texts = [
            (" AND t.user_id = ", user, MAX_CHARS),
            (" AND t.session_id = ", session, MAX_SESSION_CHARS),
        ];
        for (condition, text, most) in texts {
            if let Some(text) = text {
                query
                    .push(condition)
                    .push_bind(beginning(text, most).to_owned());
            }
        }
        if *is_pinned {
            query.push(
                " AND EXISTS (SELECT FROM pins AS pin \
                 WHERE pin.tenant_id = t.tenant_id AND pin.trace_id = t.trace_id)",
            );
        }
    }
}

/// Is true if the service is in the row of a trace, or the trace has more services than its row and the
/// service is that of one of its spans. Stands between two bound services, and needs `)))` at its end.
const HAS_SERVICE: &str = " = ANY(t.services) OR (cardinality(t.services) > 64 AND EXISTS (
    SELECT
    FROM (
        SELECT operation_id FROM trace_spans(t.tenant_id, t.trace_id)
        UNION ALL
        SELECT running.operation_id FROM open_spans AS running
        WHERE running.tenant_id = t.tenant_id AND running.trace_id = t.trace_id
    ) AS span
    JOIN operations AS named ON named.tenant_id = t.tenant_id AND named.id = span.operation_id
    WHERE named.service_id = ";

/// Returns true if the filter selects only traces with a failed span.
fn is_of_errors(filter: &TraceFilter) -> bool {
    filter.status == Some(StatusFilter::Error) || filter.error.is_some()
}
