//! Log records and domain events, newest first, by keyset.

use sqlx::{FromRow, PgConnection, Postgres, QueryBuilder};
use throughline_model::{
    Direction, EventCursor, EventFilter, EventPage, EventPageRequest, PageRequest, ReadError,
    StoredEvent,
};
use throughline_wire::binary::{self, Reader, any_value};
use throughline_wire::{AttributeValue, LogRecord, Marks, Resource, SpanId, TraceId, UnixNanos};
use uuid::Uuid;

use super::paging::Paged;
use super::payload;
use super::rows::corrupt;
use crate::ids;
use crate::indexed_text::{MAX_CHARS, beginning};
use crate::payload_refs::Reference;
use crate::sqlstate::read_error;

pub(super) const COLUMNS: &str = include_str!("event_columns.sql");
const NAMES: &str = include_str!("event_names.sql");
/// A page takes events until they have so many bytes; the first two are always on it.
pub(super) const PAGE_BYTES: u64 = 16 << 20;
/// Events that one search for a text looks at.
const SEARCHED_EVENTS: i64 = 20_000;

/// An event as the table has it.
#[derive(FromRow)]
pub(super) struct Row {
    pub trace_id: Option<Uuid>,
    at_ns: i64,
    received_ns: i64,
    digest: i64,
    pub resource_id: i64,
    pub scope_id: i64,
    span_id: Option<i64>,
    parent_span_id: Option<i64>,
    observed_ns: Option<i64>,
    flags: Option<i32>,
    dropped_attributes_count: Option<i32>,
    severity: i16,
    severity_text: Option<String>,
    event_type: Option<String>,
    message: Option<String>,
    body: Option<Vec<u8>>,
    attributes: Option<Vec<u8>>,
    payloads: Option<Vec<u8>>,
    service: Option<String>,
    /// How many rows there were before the page was cut by their bytes.
    pub listed_rows: i64,
}

impl Row {
    /// Its place in the order of events.
    pub(super) fn cursor(&self) -> EventCursor {
        EventCursor {
            at: UnixNanos::new(self.at_ns),
            digest: self.digest,
        }
    }

    /// Where its large values stood.
    pub(super) fn payloads(&self) -> Result<Vec<Reference>, ReadError> {
        payload::references(self.payloads.as_deref())
    }

    /// What was sent; a large value is a preview.
    pub(super) fn into_record(self) -> Result<LogRecord, ReadError> {
        let span_id = |id: Option<i64>| {
            id.map(SpanId::from_i64)
                .transpose()
                .map_err(|_| corrupt("events.span_id")())
        };
        let body = match (&self.body, self.message) {
            (Some(bytes), _) => any_value::decode(Reader::new(bytes), 1, &mut Marks::default())
                .map_err(|_| corrupt("events.body")())?,
            (None, Some(message)) => message.into(),
            (None, None) => AttributeValue::Empty,
        };
        Ok(LogRecord {
            time: UnixNanos::new(self.at_ns),
            observed: UnixNanos::new(self.observed_ns.unwrap_or_default()),
            trace_id: self
                .trace_id
                .map(|id| TraceId::from_bytes(id.into_bytes()))
                .transpose()
                .map_err(|_| corrupt("events.trace_id")())?,
            span_id: span_id(self.span_id)?,
            parent_span_id: span_id(self.parent_span_id)?,
            flags: self.flags.unwrap_or_default() as u32,
            severity_number: LogRecord::severity_from_code(self.severity.into()),
            severity_text: self.severity_text.unwrap_or_default().into(),
            event_name: self.event_type.unwrap_or_default().into(),
            body,
            attributes: binary::decode_attributes(self.attributes.as_deref().unwrap_or_default())
                .map_err(|_| corrupt("events.attributes")())?,
            dropped_attributes_count: self.dropped_attributes_count.unwrap_or_default() as u32,
        })
    }
}

impl TryFrom<Row> for StoredEvent {
    type Error = ReadError;

    fn try_from(mut row: Row) -> Result<Self, ReadError> {
        let references = row.payloads()?;
        let service = row.service.take();
        let (received, cursor) = (UnixNanos::new(row.received_ns), row.cursor());
        let record = row.into_record()?;
        Ok(Self {
            payloads: payload::of_event(&references, &record),
            record,
            service: service.unwrap_or_else(|| Resource::UNKNOWN_SERVICE.to_owned()),
            received,
            cursor,
        })
    }
}

/// One page of the events `filter` selects when it is `now`.
pub(super) async fn list(
    connection: &mut PgConnection,
    tenant: Uuid,
    filter: &EventFilter,
    page: EventPageRequest,
    now: UnixNanos,
) -> Result<EventPage, ReadError> {
    let limit = page.limit.clamp(1, PageRequest::MAX_LIMIT) as usize;
    let rows: Vec<Row> = query(tenant, filter, page, limit as i64 + 1, now)
        .build_query_as()
        .fetch_all(&mut *connection)
        .await
        .map_err(read_error)?;
    // When they are cut by their bytes, the last is there to tell that the list goes on.
    let cut_at = rows
        .first()
        .filter(|row| row.listed_rows > rows.len() as i64);
    let limit = cut_at.map_or(limit, |_| rows.len() - 1);
    let items = rows
        .into_iter()
        .map(StoredEvent::try_from)
        .collect::<Result<Vec<_>, _>>()?;
    let mut paged = Paged::of(items, limit, page.from, |event| event.cursor);
    let mut stopped = None;
    if filter.text.is_some() && !paged.has_more {
        stopped = search_stopped(connection, tenant, filter, page, now).await?;
        match page.from {
            Some((Direction::Before, _)) => paged.before = stopped.or(paged.before),
            _ => paged.after = stopped,
        }
    }
    Ok(EventPage {
        items: paged.items,
        after: paged.after,
        before: paged.before,
        searched_to: stopped.map(|cursor| cursor.at),
    })
}

/// Where a search for a text stopped before its end; none when it looked at everything.
async fn search_stopped(
    connection: &mut PgConnection,
    tenant: Uuid,
    filter: &EventFilter,
    page: EventPageRequest,
    now: UnixNanos,
) -> Result<Option<EventCursor>, ReadError> {
    let mut query = QueryBuilder::new("SELECT e.at_ns, e.digest FROM events AS e");
    push_conditions(&mut query, tenant, filter, page, now);
    push_order(&mut query, page);
    query.push(" OFFSET ").push_bind(SEARCHED_EVENTS - 1);
    query.push(" LIMIT 2");
    let rows: Vec<(i64, i64)> = query
        .build_query_as()
        .fetch_all(connection)
        .await
        .map_err(read_error)?;
    Ok(match rows[..] {
        [(at_ns, digest), _] => Some(EventCursor {
            at: UnixNanos::new(at_ns),
            digest,
        }),
        _ => None,
    })
}

fn query(
    tenant: Uuid,
    filter: &EventFilter,
    page: EventPageRequest,
    limit: i64,
    now: UnixNanos,
) -> QueryBuilder<Postgres> {
    let mut query = QueryBuilder::new(COLUMNS);
    if let Some(text) = &filter.text {
        query.push("(SELECT e.* FROM events AS e");
        push_conditions(&mut query, tenant, filter, page, now);
        push_order(&mut query, page);
        query.push(" LIMIT ").push_bind(SEARCHED_EVENTS);
        // A position, not a pattern: nothing in the text means anything but itself.
        query
            .push(") AS e WHERE (strpos(e.message, ")
            .push_bind(text.clone())
            // The column's own collation knows the lower case of ASCII alone.
            .push(") > 0 OR strpos(lower(e.message COLLATE \"default\"), ")
            .push_bind(text.to_lowercase())
            .push(") > 0)");
    } else {
        query.push("events AS e");
        push_conditions(&mut query, tenant, filter, page, now);
    }
    push_order(&mut query, page);
    query.push(" LIMIT ").push_bind(limit);
    let is_upwards = matches!(page.from, Some((Direction::Before, _)));
    push_page(&mut query, is_upwards);
    query
}

/// Ends a statement that began with [`COLUMNS`] and selects rows: cuts them to the bytes of a page,
/// beginning with the oldest when `is_upwards`, and shows them newest first.
pub(super) fn push_page(query: &mut QueryBuilder<Postgres>, is_upwards: bool) {
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

fn push_order(query: &mut QueryBuilder<Postgres>, page: EventPageRequest) {
    query.push(match page.from {
        Some((Direction::Before, _)) => " ORDER BY e.at_ns, e.digest",
        _ => " ORDER BY e.at_ns DESC, e.digest DESC",
    });
}

/// The conditions that need no search, and where the page begins.
fn push_conditions(
    query: &mut QueryBuilder<Postgres>,
    tenant: Uuid,
    filter: &EventFilter,
    page: EventPageRequest,
    now: UnixNanos,
) {
    // Taken apart so that a new condition cannot be forgotten here.
    let EventFilter {
        range,
        min_severity,
        service,
        name,
        // Searched for among what these select.
        text: _,
        trace,
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

/// The condition that a service sent the event.
pub(super) fn sent_by(query: &mut QueryBuilder<Postgres>, tenant: Uuid, service: &str) {
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
        let query = query(Uuid::nil(), &filter, page, 1_234_567, UnixNanos::new(0));
        let sql = query.sql();
        let sql = sql.as_str();
        assert!(!sql.contains("DROP"), "{sql}");
        assert!(!sql.contains("1234567"), "{sql}");
    }
}
