//! Lists log records and domain events, newest first, with keyset pagination.

mod statement;
mod text_search;

use sqlx::FromRow;
use throughline_codec::binary::{self, Reader};
use throughline_model::{
    Direction, EventCursor, EventFilter, EventPage, EventPageRequest, PageRequest, ReadError,
    StoredEvent,
};
use throughline_wire::{AttributeValue, LogRecord, Resource, SpanId, TraceId, UnixNanos};
use uuid::Uuid;

use super::context::ReadContext;
use super::corrupt::corrupt;
use super::paging::Paged;
use super::payload;
use crate::payload_refs::Reference;
use crate::sqlstate::read_error;

pub(super) use self::statement::{push_page, sent_by};

pub(super) const COLUMNS: &str = include_str!("event_columns.sql");
/// The approximate maximum size of a page in bytes. The first two events are always on the page.
pub(super) const PAGE_BYTES: u64 = 8 << 20;

/// A row of the events table.
#[derive(FromRow)]
pub(super) struct StoredEventRow {
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
    /// The number of rows before the page was cut to its maximum size.
    pub listed_rows: i64,
}

impl StoredEventRow {
    /// Returns the position of the event in the list.
    pub(super) fn cursor(&self) -> EventCursor {
        EventCursor {
            at: UnixNanos::new(self.at_ns),
            digest: self.digest,
        }
    }

    /// Returns the references to the offloaded payloads.
    pub(super) fn payloads(&self) -> Result<Vec<Reference>, ReadError> {
        payload::references(self.payloads.as_deref())
    }

    /// Returns the event as it was sent. Offloaded payloads are previews.
    pub(super) fn into_record(self) -> Result<LogRecord, ReadError> {
        let span_id = |id: Option<i64>| {
            id.map(SpanId::from_i64)
                .transpose()
                .map_err(|_| corrupt("events.span_id")())
        };
        let body = match (&self.body, self.message) {
            (Some(bytes), _) => {
                binary::decode_value(Reader::new(bytes)).map_err(|_| corrupt("events.body")())?
            }
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

impl TryFrom<StoredEventRow> for StoredEvent {
    type Error = ReadError;

    fn try_from(mut row: StoredEventRow) -> Result<Self, ReadError> {
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

/// Returns one page of the events that `filter` selects.
pub(super) async fn list(
    context: &mut ReadContext<'_>,
    filter: &EventFilter,
    page: EventPageRequest,
) -> Result<EventPage, ReadError> {
    let limit = page.limit.clamp(1, PageRequest::MAX_LIMIT) as usize;
    let found = match &filter.text {
        Some(text) => {
            let page = (page, limit + 1);
            Some(text_search::find(context, (filter, text), page).await?)
        }
        None => None,
    };
    let matches = found.as_ref().map(|found| found.matches.as_slice());
    let select = (limit as i64 + 1, matches);
    let rows: Vec<StoredEventRow> =
        statement::select(context.tenant, filter, page, select, context.now)
            .build_query_as()
            .fetch_all(&mut *context.connection)
            .await
            .map_err(read_error)?;
    // If the page was cut by size, the last row only shows that more rows follow.
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
    if let Some(found) = found
        && !paged.has_more
    {
        stopped = found.stopped;
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
