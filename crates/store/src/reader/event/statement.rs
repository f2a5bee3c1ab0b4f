//! Builds the statement that lists events. Every value of a filter is a bind parameter.

use sqlx::{Postgres, QueryBuilder};
use throughline_model::{Direction, EventFilter, EventPageRequest, fold_case};
use throughline_wire::UnixNanos;
use uuid::Uuid;

use super::{COLUMNS, PAGE_BYTES};
use crate::ids;
use crate::indexed_text::{MAX_CHARS, beginning};
use crate::reader::context::ReadContext;

const NAMES: &str = include_str!("../event_names.sql");
/// The SQL expression for the folded message of an event. It matches [`fold_case`] if the locale of
/// the database knows the letters. The collation of the column only lowercases ASCII.
const FOLDED_MESSAGE: &str = "replace(replace(replace(replace(\
    lower(e.message COLLATE \"default\"), 'ς', 'σ'), 'ß', 'ss'), 'ı', 'i'), U&'i\\0307', 'i')";
/// The maximum number of events that one text search reads.
const SEARCHED_EVENTS: i64 = 20_000;

/// The events that a page selects.
#[derive(Debug, Clone, Copy)]
pub(super) struct SelectedEvents<'a> {
    tenant: Uuid,
    now: UnixNanos,
    filter: &'a EventFilter,
    page: EventPageRequest,
}

impl<'a> SelectedEvents<'a> {
    pub(super) fn of(
        context: &ReadContext<'_>,
        filter: &'a EventFilter,
        page: EventPageRequest,
    ) -> Self {
        Self {
            tenant: context.tenant,
            now: context.now,
            filter,
            page,
        }
    }

    /// Returns the statement for the first `limit` rows of the page.
    pub(super) fn page(&self, limit: i64) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new(COLUMNS);
        if let Some(text) = &self.filter.text {
            query.push("(SELECT e.* FROM events AS e");
            self.push_conditions(&mut query);
            self.push_order(&mut query);
            query.push(" LIMIT ").push_bind(SEARCHED_EVENTS);
            // Uses strpos and not a pattern, so no character in the text has a special meaning.
            query
                .push(") AS e WHERE (strpos(e.message, ")
                .push_bind(text.clone())
                .push(") > 0 OR strpos(")
                .push(FOLDED_MESSAGE)
                .push(", ")
                .push_bind(fold_case(text).into_owned())
                .push(") > 0)");
        } else {
            query.push("events AS e");
            self.push_conditions(&mut query);
        }
        self.push_order(&mut query);
        query.push(" LIMIT ").push_bind(limit);
        let is_upwards = matches!(self.page.from, Some((Direction::Before, _)));
        push_page(&mut query, is_upwards);
        query
    }

    /// Returns the statement for the positions of the last event that a text search reads and of
    /// the one after it.
    pub(super) fn beyond_search(&self) -> QueryBuilder<Postgres> {
        let mut query = QueryBuilder::new("SELECT e.at_ns, e.digest FROM events AS e");
        self.push_conditions(&mut query);
        self.push_order(&mut query);
        query.push(" OFFSET ").push_bind(SEARCHED_EVENTS - 1);
        query.push(" LIMIT 2");
        query
    }

    fn push_order(&self, query: &mut QueryBuilder<Postgres>) {
        query.push(match self.page.from {
            Some((Direction::Before, _)) => " ORDER BY e.at_ns, e.digest",
            _ => " ORDER BY e.at_ns DESC, e.digest DESC",
        });
    }

    /// Appends the conditions that need no text search, and the start of the page.
    fn push_conditions(&self, query: &mut QueryBuilder<Postgres>) {
        let tenant = self.tenant;
        // The pattern names every field, so that the compiler reports a new condition.
        let EventFilter {
            range,
            min_severity,
            service,
            name,
            // The text search applies to the rows that these conditions select.
            text: _,
            trace,
            span,
            session,
            correlation,
        } = self.filter;
        query.push(" WHERE e.tenant_id = ").push_bind(tenant);
        if let Some(range) = range {
            let (from, to) = range.bounds(self.now);
            query.push(" AND e.at_ns >= ").push_bind(from.get());
            query.push(" AND e.at_ns < ").push_bind(to.get());
        }
        if *min_severity > 0 {
            query
                .push(" AND e.severity >= ")
                .push_bind(i16::from(*min_severity));
        }
        if let Some(service) = service {
            sent_by(query, tenant, service);
        }
        if let Some(trace) = trace {
            query
                .push(" AND e.trace_id = ")
                .push_bind(Uuid::from_bytes(trace.to_bytes()));
        }
        if let Some(span) = span {
            query.push(" AND e.span_id = ").push_bind(span.to_i64());
        }
        if let Some(name) = name {
            query.push(" AND e.event_type = ").push_bind(name.clone());
        }
        for (column, value) in [
            (" AND e.session_id = ", session),
            (" AND e.correlation_id = ", correlation),
        ] {
            if let Some(value) = value {
                query
                    .push(column)
                    .push_bind(beginning(value, MAX_CHARS).to_owned());
            }
        }
        if let Some((direction, cursor)) = self.page.from {
            query.push(match direction {
                Direction::After => " AND (e.at_ns, e.digest) < (",
                Direction::Before => " AND (e.at_ns, e.digest) > (",
            });
            query.push_bind(cursor.at.get()).push(", ");
            query.push_bind(cursor.digest).push(")");
        }
    }
}

/// Completes a statement that starts with [`COLUMNS`] and selects rows. Cuts the rows to the
/// maximum size of a page and returns them newest first. It keeps the oldest rows if `is_upwards`,
/// else the newest.
pub(in crate::reader) fn push_page(query: &mut QueryBuilder<Postgres>, is_upwards: bool) {
    query.push(") AS listed WINDOW so_far AS (ORDER BY ");
    query.push(if is_upwards {
        "at_ns, digest"
    } else {
        "at_ns DESC, digest DESC"
    });
    query.push(" ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING)");
    query.push(NAMES).push_bind(PAGE_BYTES as i64);
    query.push(" ORDER BY page.at_ns DESC, page.digest DESC");
}

/// Appends the condition that a service sent the event.
pub(in crate::reader) fn sent_by(query: &mut QueryBuilder<Postgres>, tenant: Uuid, service: &str) {
    query
        .push(" AND e.resource_id IN (SELECT r.id FROM resources AS r WHERE r.tenant_id = ")
        .push_bind(tenant)
        .push(" AND r.service_id = ")
        .push_bind(ids::service(service))
        .push(")");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_of_a_filter_is_part_of_the_statement() {
        let text = || Some("'; DROP TABLE spans; --".to_owned());
        let filter = EventFilter {
            range: Some(throughline_model::TimeRange::Last(1_234_567)),
            min_severity: 17,
            service: text(),
            name: text(),
            text: text(),
            trace: None,
            span: None,
            session: text(),
            correlation: text(),
        };
        let page = EventPageRequest::default();
        let selected = SelectedEvents {
            tenant: Uuid::nil(),
            now: UnixNanos::new(0),
            filter: &filter,
            page,
        };
        let query = selected.page(1_234_567);
        let sql = query.sql();
        let sql = sql.as_str();
        assert!(!sql.contains("DROP"), "{sql}");
        assert!(!sql.contains("1234567"), "{sql}");
    }
}
