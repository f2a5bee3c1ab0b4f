//! Reads the query string of the API.

use axum::extract::RawQuery;
use throughline_model::{Cursor, Direction, PageRequest, TraceFilter};

use crate::problem::Problem;

/// Names besides those of the filter.
const PAGE_KEYS: [&str; 3] = ["limit", "after", "before"];

/// The decoded pairs of a query string; names nobody reads are refused, because a misspelt filter
/// would silently select everything.
fn pairs(query: &RawQuery, known: &[&str]) -> Result<Vec<(String, String)>, Problem> {
    let text = query.0.as_deref().unwrap_or_default();
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(text)
        .map_err(|error| Problem::bad_request(format!("the query string: {error}")))?;
    for (key, _) in &pairs {
        if !TraceFilter::KEYS.contains(&key.as_str()) && !known.contains(&key.as_str()) {
            let names = TraceFilter::KEYS
                .iter()
                .chain(known)
                .copied()
                .collect::<Vec<_>>();
            let key: String = key.chars().take(60).collect();
            return Err(Problem::bad_request(format!(
                "there is no parameter {key:?}; there are {}",
                names.join(", ")
            )));
        }
    }
    Ok(pairs)
}

fn read_filter(pairs: &[(String, String)]) -> Result<TraceFilter, Problem> {
    TraceFilter::from_query(
        pairs
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str())),
    )
    .map_err(Problem::bad_request)
}

/// The filter alone.
pub(super) fn filter(query: &RawQuery) -> Result<TraceFilter, Problem> {
    read_filter(&pairs(query, &[])?)
}

/// The filter and the page: `limit`, and one of `after` and `before`.
pub(super) fn filter_and_page(query: &RawQuery) -> Result<(TraceFilter, PageRequest), Problem> {
    let pairs = pairs(query, &PAGE_KEYS)?;
    let value = |name| {
        pairs
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value)
    };
    let cursor = |name| {
        value(name)
            .map(|text| text.parse::<Cursor>())
            .transpose()
            .map_err(|error| Problem::bad_request(format!("{name}: {error}")))
    };
    let from = match (cursor("after")?, cursor("before")?) {
        (Some(_), Some(_)) => {
            return Err(Problem::bad_request("after and before exclude each other"));
        }
        (Some(after), None) => Some((Direction::After, after)),
        (None, Some(before)) => Some((Direction::Before, before)),
        (None, None) => None,
    };
    let limit = match value("limit") {
        None => PageRequest::DEFAULT_LIMIT,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=PageRequest::MAX_LIMIT).contains(limit))
            .ok_or_else(|| {
                Problem::bad_request(format!(
                    "limit {text:?} is not a number from 1 to {}",
                    PageRequest::MAX_LIMIT
                ))
            })?,
    };
    Ok((read_filter(&pairs)?, PageRequest { limit, from }))
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;

    use super::*;

    fn query(text: &str) -> RawQuery {
        RawQuery(Some(text.to_owned()))
    }

    #[test]
    fn a_filter_and_a_page_are_read_together() {
        let text = "service=shop&limit=10&after=5-4bf92f3577b34da6a3ce929d0e0e4736";
        let (filter, page) = filter_and_page(&query(text)).expect("valid");
        assert_eq!(filter.service.as_deref(), Some("shop"));
        assert_eq!(page.limit, 10);
        assert!(matches!(page.from, Some((Direction::After, _))));
    }

    #[test]
    fn a_misspelt_or_impossible_parameter_is_refused() {
        for text in [
            "servcie=shop",
            "limit=0",
            "limit=501",
            "after=x",
            "status=odd",
        ] {
            let problem = filter_and_page(&query(text)).expect_err(text);
            assert_eq!(problem.status(), StatusCode::BAD_REQUEST);
        }
        assert!(filter(&query("limit=5")).is_err());
    }
}
