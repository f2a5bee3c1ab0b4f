//! Builds the statement that lists events. Every value of a filter is a bind parameter.

use sqlx::{Postgres, QueryBuilder};
use throughline_model::{Direction, EventCursor, EventFilter, EventPageRequest};
use throughline_wire::UnixNanos;
use uuid::Uuid;

use super::{COLUMNS, PAGE_BYTES};
use crate::ids;
use crate::indexed_text::{MAX_CHARS, beginning};

const NAMES: &str = include_str!("../event_names.sql");

/// Returns the statement for one page and one more row, which shows whether more rows follow. With
/// `matches` it returns only these events of those that the filter selects.
pub(super) fn select(
    tenant: Uuid,
    filter: &EventFilter,
    page: EventPageRequest,
    (limit, matches): (i64, Option<&[EventCursor]>),
    now: UnixNanos,
) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(COLUMNS);
    query.push("events AS e");
    push_conditions(&mut query, tenant, filter, page, now);
    if let Some(matches) = matches {
        let times: Vec<i64> = matches.iter().map(|cursor| cursor.at.get()).collect();
        let digests: Vec<i64> = matches.iter().map(|cursor| cursor.digest).collect();
        // The bounds skip the partitions of other days.
        query.push(" AND e.at_ns >= ");
        query.push_bind(times.iter().min().copied().unwrap_or_default());
        query.push(" AND e.at_ns <= ");
        query.push_bind(times.iter().max().copied().unwrap_or_default());
        query.push(" AND (e.at_ns, e.digest) IN (SELECT * FROM unnest(");
        query.push_bind(times).push("::bigint[], ");
        query.push_bind(digests).push("::bigint[]))");
    }
    push_order(&mut query, page);
    query.push(" LIMIT ").push_bind(limit);
    let is_upwards = matches!(page.from, Some((Direction::Before, _)));
    push_page(&mut query, is_upwards);
    query
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

pub(super) fn push_order(query: &mut QueryBuilder<Postgres>, page: EventPageRequest) {
    query.push(match page.from {
        Some((Direction::Before, _)) => " ORDER BY e.at_ns, e.digest",
        _ => " ORDER BY e.at_ns DESC, e.digest DESC",
    });
}

/// Appends the conditions that need no text search, and the start of the page.
pub(super) fn push_conditions(
    query: &mut QueryBuilder<Postgres>,
    tenant: Uuid,
    filter: &EventFilter,
    page: EventPageRequest,
    now: UnixNanos,
) {
    // The pattern names every field, so that the compiler reports a new condition.
    let EventFilter {
        range,
        min_severity,
        service,
        name,
        // The text search applies to the rows that these conditions select.
        text: _,
        trace,
        without_trace,
        span,
        session,
        correlation,
    } = filter;
    query.push(" WHERE e.tenant_id = ").push_bind(tenant);
    if let Some(range) = range {
        let (from, to) = range.bounds(now);
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
    if *without_trace {
        query.push(" AND e.trace_id IS NULL");
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
    if let Some((direction, cursor)) = page.from {
        query.push(match direction {
            Direction::After => " AND (e.at_ns, e.digest) < (",
            Direction::Before => " AND (e.at_ns, e.digest) > (",
        });
        query.push_bind(cursor.at.get()).push(", ");
        query.push_bind(cursor.digest).push(")");
    }
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
            without_trace: true,
            span: None,
            session: text(),
            correlation: text(),
        };
        let page = EventPageRequest::default();
        let query = select(
            Uuid::nil(),
            &filter,
            page,
            (1_234_567, None),
            UnixNanos::new(0),
        );
        let sql = query.sql();
        let sql = sql.as_str();
        assert!(!sql.contains("DROP"), "{sql}");
        assert!(!sql.contains("1234567"), "{sql}");
    }
}
