//! Routes for log records and events, and for sessions and correlation ids.

use core::str::FromStr;

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use serde::Serialize;
use throughline_model::{
    Cursor, Direction, EventCursor, EventFilter, EventPage, EventPageRequest, Page, PageRequest,
    Total, TraceSummary,
};
use throughline_wire::semconv;

use super::Reader;
use super::query::pairs_of;
use crate::problem::Problem;

/// The parameters besides those of the filter.
const PAGE_KEYS: [&str; 3] = ["limit", "after", "before"];

/// The matches of a session or a correlation id: a page of its traces and a page of its events. With
/// a cursor of one list, the other list is empty.
#[derive(Debug, Serialize)]
pub(super) struct Found {
    traces: Page<TraceSummary>,
    events: EventPage,
}

/// The list of traces when only events are asked for.
const NO_TRACES: Page<TraceSummary> = Page {
    items: Vec::new(),
    after: None,
    before: None,
    total: Total::AtLeast(0),
    searched_to: None,
};

/// A request for a page of the matches of a session or a correlation id.
#[derive(Debug, Clone, Copy, PartialEq)]
struct FoundPage {
    /// The maximum number of traces, and of events.
    limit: u32,
    from: Option<(Direction, FoundCursor)>,
}

/// A cursor of one of the two lists. The length of its id says which.
#[derive(Debug, Clone, Copy, PartialEq)]
enum FoundCursor {
    Trace(Cursor),
    Event(EventCursor),
}

impl FromStr for FoundCursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let of_trace = text.parse().map(Self::Trace);
        of_trace.or_else(|_| text.parse().map(Self::Event))
    }
}

/// `GET /api/admin/events`: returns one page of the events that a filter selects, newest first.
pub(super) async fn list_events(
    State(reader): State<Reader>,
    query: RawQuery,
) -> Result<Json<EventPage>, Problem> {
    let (filter, page) = filter_and_page(&query)?;
    Ok(Json(reader.list_events(&filter, page).await?))
}

/// `GET /api/admin/sessions/{id}`: returns the traces and events of a session.
pub(super) async fn get_session(
    State(reader): State<Reader>,
    Path(id): Path<String>,
    query: RawQuery,
) -> Result<Json<Found>, Problem> {
    let events = EventFilter::of_session(id.as_str());
    let key = Some(semconv::SESSION_ID);
    found(&reader, key, &id, &events, found_page(&query)?).await
}

/// `GET /api/admin/correlations/{id}`: returns the traces with an indexed attribute of this value,
/// and the events with this correlation id.
pub(super) async fn get_correlation(
    State(reader): State<Reader>,
    Path(id): Path<String>,
    query: RawQuery,
) -> Result<Json<Found>, Problem> {
    let events = EventFilter::of_correlation(id.as_str());
    found(&reader, None, &id, &events, found_page(&query)?).await
}

async fn found(
    reader: &Reader,
    key: Option<&str>,
    id: &str,
    events: &EventFilter,
    page: FoundPage,
) -> Result<Json<Found>, Problem> {
    if id.contains('\0') {
        return Err(Problem::bad_request("an id has no NUL character"));
    }
    let limit = page.limit;
    let (of_traces, of_events) = match page.from {
        None => (Some(None), Some(None)),
        Some((direction, FoundCursor::Trace(cursor))) => (Some(Some((direction, cursor))), None),
        Some((direction, FoundCursor::Event(cursor))) => (None, Some(Some((direction, cursor)))),
    };
    let traces = match of_traces {
        Some(from) => {
            let page = PageRequest { limit, from };
            reader.find_traces(key, id, page).await?
        }
        None => NO_TRACES,
    };
    let events = match of_events {
        Some(from) => {
            let page = EventPageRequest { limit, from };
            reader.list_events(events, page).await?
        }
        None => EventPage::default(),
    };
    if traces.items.is_empty() && events.items.is_empty() && page.from.is_none() {
        let id: String = id.chars().take(80).collect();
        return Err(Problem::not_found(format!(
            "nothing has the id {id:?}, or it is kept no longer"
        )));
    }
    Ok(Json(Found { traces, events }))
}

fn filter_and_page(query: &RawQuery) -> Result<(EventFilter, EventPageRequest), Problem> {
    let known: Vec<_> = EventFilter::KEYS.into_iter().chain(PAGE_KEYS).collect();
    let pairs = pairs_of(query, &known)?;
    let (limit, from) = page(&pairs)?;
    let page = EventPageRequest { limit, from };
    let pairs = pairs
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()));
    let filter = EventFilter::from_query(pairs).map_err(Problem::bad_request)?;
    Ok((filter, page))
}

fn found_page(query: &RawQuery) -> Result<FoundPage, Problem> {
    let (limit, from) = page(&pairs_of(query, &PAGE_KEYS)?)?;
    Ok(FoundPage { limit, from })
}

/// The limit of a page, and the cursor from which it starts.
type LimitAndStart<C> = (u32, Option<(Direction, C)>);

/// Reads the page from the pairs of a query string.
fn page<C>(pairs: &[(String, String)]) -> Result<LimitAndStart<C>, Problem>
where
    C: FromStr<Err = String>,
{
    let mut most = PageRequest::DEFAULT_LIMIT;
    let mut start = None;
    for (key, value) in pairs {
        let cursor = || {
            value
                .parse::<C>()
                .map_err(|error| Problem::bad_request(format!("{key}: {error}")))
        };
        let from = match key.as_str() {
            "limit" => {
                most = limit(value)?;
                continue;
            }
            "after" => (Direction::After, cursor()?),
            "before" => (Direction::Before, cursor()?),
            _ => continue,
        };
        if start.replace(from).is_some() {
            return Err(Problem::bad_request("after and before exclude each other"));
        }
    }
    Ok((most, start))
}

fn limit(text: &str) -> Result<u32, Problem> {
    text.parse()
        .ok()
        .filter(|limit| (1..=PageRequest::MAX_LIMIT).contains(limit))
        .ok_or_else(|| {
            Problem::bad_request(format!(
                "limit {text:?} is not a number from 1 to {}",
                PageRequest::MAX_LIMIT
            ))
        })
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    fn read(text: &str) -> Result<(EventFilter, EventPageRequest), Problem> {
        filter_and_page(&RawQuery(Some(text.to_owned())))
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
    fn a_misspelt_or_impossible_parameter_is_refused() {
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
}
