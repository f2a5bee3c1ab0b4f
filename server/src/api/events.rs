//! Routes for log records and events, and for sessions and correlation ids.

use core::str::FromStr;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use serde::Serialize;
use throughline_model::page::{decode_limit, decode_position};
use throughline_model::query::check_text;
use throughline_model::{
    Cursor, EventCursor, EventFilter, EventPage, EventPageRequest, Page, PageRequest, Parameters,
    TraceSummary,
};
use throughline_wire::semconv;

use super::Reader;
use super::query::decode;
use crate::problem::Problem;

/// The matches of a session or a correlation id: its newest traces, and a page of its events.
#[derive(Debug, Serialize)]
pub(super) struct Found {
    traces: Page<TraceSummary>,
    events: EventPage,
}

/// `GET /api/admin/events`: returns one page of the events that a filter selects, newest first.
pub(super) async fn list_events(
    State(reader): State<Reader>,
    query: RawQuery,
) -> Result<Json<EventPage>, Problem> {
    let (filter, page) = decode(&query, |parameters| {
        let filter = EventFilter::decode(parameters);
        (filter, EventPageRequest::decode(parameters))
    })?;
    Ok(Json(reader.list_events(&filter, page).await?))
}

/// `GET /api/admin/sessions/{id}`: returns the traces and events of a session.
pub(super) async fn get_session(
    State(reader): State<Reader>,
    Path(id): Path<String>,
    query: RawQuery,
) -> Result<Json<Found>, Problem> {
    let pages = decode(&query, Pages::decode)?;
    let events = EventFilter::of_session(id.as_str());
    found(&reader, Some(semconv::SESSION_ID), &id, &events, pages).await
}

/// `GET /api/admin/correlations/{id}`: returns the traces with an indexed attribute of this value,
/// and the events with this correlation id.
pub(super) async fn get_correlation(
    State(reader): State<Reader>,
    Path(id): Path<String>,
    query: RawQuery,
) -> Result<Json<Found>, Problem> {
    let pages = decode(&query, Pages::decode)?;
    let events = EventFilter::of_correlation(id.as_str());
    found(&reader, None, &id, &events, pages).await
}

async fn found(
    reader: &Reader,
    key: Option<&str>,
    id: &str,
    events: &EventFilter,
    pages: Pages,
) -> Result<Json<Found>, Problem> {
    check_text(id).map_err(|fault| Problem::bad_request(format!("the id {fault}")))?;
    let traces = reader.find_traces(key, id, pages.traces).await?;
    let events = reader.list_events(events, pages.events).await?;
    let is_first = pages.traces.from.is_none() && pages.events.from.is_none();
    if traces.items.is_empty() && events.items.is_empty() && is_first {
        let id: String = id.chars().take(80).collect();
        return Err(Problem::not_found(format!(
            "no trace, log record or event has the id {id:?}; retention may have removed it"
        )));
    }
    Ok(Json(Found { traces, events }))
}

/// The requested pages of the two lists. `limit` applies to both. A cursor pages the list that it
/// is from; the other list begins at its first page.
#[derive(Debug, Clone, Copy)]
struct Pages {
    traces: PageRequest,
    events: EventPageRequest,
}

/// A cursor of one of the two lists. Their forms differ.
enum EitherCursor {
    Trace(Cursor),
    Event(EventCursor),
}

impl FromStr for EitherCursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(cursor) => Ok(Self::Trace(cursor)),
            Err(_) => text.parse().map(Self::Event),
        }
    }
}

impl Pages {
    fn decode(parameters: &mut Parameters<'_>) -> Self {
        let limit = decode_limit(parameters, PageRequest::MAX_LIMIT);
        let limit = limit.unwrap_or(PageRequest::DEFAULT_LIMIT);
        let mut pages = Self {
            traces: PageRequest { limit, from: None },
            events: EventPageRequest { limit, from: None },
        };
        match decode_position(parameters) {
            Some((direction, EitherCursor::Trace(cursor))) => {
                pages.traces.from = Some((direction, cursor));
            }
            Some((direction, EitherCursor::Event(cursor))) => {
                pages.events.from = Some((direction, cursor));
            }
            None => {}
        }
        pages
    }
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use throughline_model::Direction;

    use super::*;

    fn query(text: &str) -> RawQuery {
        RawQuery(Some(text.to_owned()))
    }

    fn read(text: &str) -> Result<(EventFilter, EventPageRequest), Problem> {
        decode(&query(text), |parameters| {
            let filter = EventFilter::decode(parameters);
            (filter, EventPageRequest::decode(parameters))
        })
    }

    #[test]
    fn a_filter_and_a_page_are_read_together() {
        let (filter, page) =
            read("severity=warn&limit=10&after=5-00000000000000ff&text=a%20b").expect("valid");
        assert_eq!(filter.min_severity, 13);
        assert_eq!(filter.text.as_deref(), Some("a b"));
        assert_eq!(page.limit, 10);
        assert!(matches!(page.from, Some((Direction::After, _))));
    }

    #[test]
    fn a_misspelt_or_invalid_parameter_is_rejected() {
        for text in [
            "sevrity=warn",
            "severity=loud",
            "limit=0",
            "after=x",
            "after=5-ff&before=5-ff",
        ] {
            let problem = read(text).expect_err(text);
            assert_eq!(problem.status(), StatusCode::BAD_REQUEST, "{text}");
        }
    }

    #[test]
    fn a_cursor_pages_the_list_it_is_from_and_the_limit_holds_for_both() {
        let pages = |text| decode(&query(text), Pages::decode).expect("valid");
        let traces = pages("limit=2&after=5-4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!((traces.traces.limit, traces.events.limit), (2, 2));
        assert!(matches!(traces.traces.from, Some((Direction::After, _))));
        assert_eq!(traces.events.from, None);
        let events = pages("before=5-00000000000000ff");
        assert_eq!(events.traces.from, None);
        assert!(matches!(events.events.from, Some((Direction::Before, _))));
    }
}
