//! Routes for log records and events, and for sessions and correlation ids.

use axum::Json;
use axum::extract::{Path, RawQuery, State};
use serde::Serialize;
use throughline_model::{
    Direction, EventCursor, EventFilter, EventPage, EventPageRequest, Page, PageRequest,
    TraceSummary,
};
use throughline_wire::semconv;

use super::Reader;
use super::query::pairs_of;
use crate::problem::Problem;

/// The parameters besides those of the filter.
const PAGE_KEYS: [&str; 3] = ["limit", "after", "before"];

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
    found(
        &reader,
        key,
        &id,
        &events,
        page(&pairs_of(&query, &PAGE_KEYS)?)?,
    )
    .await
}

/// `GET /api/admin/correlations/{id}`: returns the traces with an indexed attribute of this value,
/// and the events with this correlation id.
pub(super) async fn get_correlation(
    State(reader): State<Reader>,
    Path(id): Path<String>,
    query: RawQuery,
) -> Result<Json<Found>, Problem> {
    let events = EventFilter::of_correlation(id.as_str());
    found(
        &reader,
        None,
        &id,
        &events,
        page(&pairs_of(&query, &PAGE_KEYS)?)?,
    )
    .await
}

async fn found(
    reader: &Reader,
    key: Option<&str>,
    id: &str,
    events: &EventFilter,
    page: EventPageRequest,
) -> Result<Json<Found>, Problem> {
    if id.contains('\0') {
        return Err(Problem::bad_request(
            "an id must not contain a NUL character",
        ));
    }
    let traces = reader.find_traces(key, id, PageRequest::default()).await?;
    let events = reader.list_events(events, page).await?;
    if traces.items.is_empty() && events.items.is_empty() && page.from.is_none() {
        let id: String = id.chars().take(80).collect();
        return Err(Problem::not_found(format!(
            "no trace, log record or event has the id {id:?}; retention may have removed it"
        )));
    }
    Ok(Json(Found { traces, events }))
}

fn filter_and_page(query: &RawQuery) -> Result<(EventFilter, EventPageRequest), Problem> {
    let known: Vec<_> = EventFilter::KEYS.into_iter().chain(PAGE_KEYS).collect();
    let pairs = pairs_of(query, &known)?;
    let page = page(&pairs)?;
    let pairs = pairs
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()));
    let filter = EventFilter::from_query(pairs).map_err(Problem::bad_request)?;
    Ok((filter, page))
}

/// Reads the page from the pairs of a query string.
fn page(pairs: &[(String, String)]) -> Result<EventPageRequest, Problem> {
    let mut page = EventPageRequest::default();
    for (key, value) in pairs {
        let cursor = || {
            value
                .parse::<EventCursor>()
                .map_err(|error| Problem::bad_request(format!("{key}: {error}")))
        };
        let from = match key.as_str() {
            "limit" => {
                page.limit = limit(value)?;
                continue;
            }
            "after" => (Direction::After, cursor()?),
            "before" => (Direction::Before, cursor()?),
            _ => continue,
        };
        if page.from.replace(from).is_some() {
            return Err(Problem::bad_request("after and before cannot be combined"));
        }
    }
    Ok(page)
}

fn limit(text: &str) -> Result<u32, Problem> {
    text.parse()
        .ok()
        .filter(|limit| (1..=PageRequest::MAX_LIMIT).contains(limit))
        .ok_or_else(|| {
            Problem::bad_request(format!(
                "invalid limit {text:?}: expected a number from 1 to {}",
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
}
