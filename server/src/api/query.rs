//! Parses the query strings of the API.

use axum::extract::RawQuery;
use throughline_model::{Faults, PageRequest, TraceFilter, TraceSummary};
use throughline_wire::{TraceId, UnixNanos};

use crate::problem::Problem;

/// Returns the decoded pairs of a query string.
fn pairs(query: &RawQuery) -> Result<Vec<(String, String)>, Problem> {
    let text = query.0.as_deref().unwrap_or_default();
    serde_urlencoded::from_str(text)
        .map_err(|error| Problem::bad_request(format!("invalid query string: {error}")))
}

/// Returns the decoded pairs of a query string without a trace filter. Refuses names other than
/// `known`.
pub(super) fn pairs_of(query: &RawQuery, known: &[&str]) -> Result<Vec<(String, String)>, Problem> {
    let pairs = pairs(query)?;
    let unknown = pairs.iter().find(|(key, _)| !known.contains(&key.as_str()));
    match unknown {
        None => Ok(pairs),
        Some((key, _)) => {
            let key: String = key.chars().take(60).collect();
            let names = known.join(", ");
            Err(Problem::bad_request(format!(
                "unknown parameter {key:?}; the parameters are {names}"
            )))
        }
    }
}

fn read_filter(pairs: &[(String, String)], others: &[&str]) -> Result<TraceFilter, Faults> {
    let pairs = pairs
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()));
    TraceFilter::from_query(pairs, others)
}

fn refused(faults: &Faults) -> Problem {
    Problem::bad_request(faults.to_string())
}

/// Parses the filter alone.
pub(super) fn filter(query: &RawQuery) -> Result<TraceFilter, Problem> {
    read_filter(&pairs(query)?, &[]).map_err(|faults| refused(&faults))
}

/// Parses the filter and the page: `limit`, and one of `after` and `before`.
pub(super) fn filter_and_page(query: &RawQuery) -> Result<(TraceFilter, PageRequest), Problem> {
    let pairs = pairs(query)?;
    let mut faults = Faults::default();
    let filter = read_filter(&pairs, &PageRequest::KEYS).unwrap_or_else(|found| {
        faults = found;
        TraceFilter::default()
    });
    let last = |name: &str| {
        let mut newest_first = pairs.iter().rev();
        newest_first
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    };
    let page = PageRequest::from_query(last, &mut faults);
    faults.or((filter, page)).map_err(|faults| refused(&faults))
}

/// Refuses every parameter, for routes that have none.
pub(super) fn nothing(query: &RawQuery) -> Result<(), Problem> {
    match pairs(query)?.first() {
        None => Ok(()),
        Some((key, _)) => {
            let key: String = key.chars().take(60).collect();
            Err(Problem::bad_request(format!(
                "unknown parameter {key:?}; this URL has no parameters"
            )))
        }
    }
}

/// The traces that a live view subscribes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SubscriptionScope {
    /// The traces that match a filter.
    Filtered(Box<TraceFilter>),
    /// One trace, at any start time.
    Trace(TraceId),
}

impl SubscriptionScope {
    /// Reports whether the subscription includes this trace at `now`.
    pub(crate) fn selects(&self, trace: &TraceSummary, now: UnixNanos) -> bool {
        match self {
            Self::Filtered(filter) => filter.selects(trace, now),
            Self::Trace(id) => trace.trace_id == *id,
        }
    }
}

/// The parameters of a live view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LiveRequest {
    /// The traces of the subscription.
    pub(crate) scope: SubscriptionScope,
    /// The most traces per event. The newest are sent, the rest are counted.
    pub(crate) limit: usize,
}

impl LiveRequest {
    /// The largest limit, and the default.
    pub(crate) const MAX_LIMIT: usize = 2_500;

    /// Parses `trace_id` alone, or the filter and `limit`. Refuses a filter that a trace summary
    /// cannot evaluate.
    pub(crate) fn parse(query: &RawQuery) -> Result<Self, Problem> {
        let pairs = pairs(query)?;
        if let Some((_, id)) = pairs.iter().find(|(key, _)| key == "trace_id") {
            if pairs.len() > 1 {
                return Err(Problem::bad_request(
                    "trace_id cannot be combined with other parameters",
                ));
            }
            return Ok(Self {
                scope: SubscriptionScope::Trace(super::traces::trace_id(id)?),
                limit: 1,
            });
        }
        let filter = read_filter(&pairs, &["limit"]).map_err(|faults| refused(&faults))?;
        if !filter.is_live() {
            return Err(Problem::bad_request(
                "the live view cannot filter by correlation, error or attributes; use the list of \
                 traces",
            ));
        }
        let limit = pairs.iter().rev().find(|(key, _)| key == "limit");
        let limit = limit.map_or(Ok(Self::MAX_LIMIT), |(_, text)| {
            let limit = text.parse().ok();
            limit
                .filter(|limit| (1..=Self::MAX_LIMIT).contains(limit))
                .ok_or_else(|| {
                    Problem::bad_request(format!(
                        "invalid limit {text:?}: expected a number from 1 to {}",
                        Self::MAX_LIMIT
                    ))
                })
        })?;
        Ok(Self {
            scope: SubscriptionScope::Filtered(Box::new(filter)),
            limit,
        })
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

    #[test]
    fn a_filter_and_a_page_are_read_together() {
        let text = "service=shop&limit=10&after=5-4bf92f3577b34da6a3ce929d0e0e4736";
        let (filter, page) = filter_and_page(&query(text)).expect("valid");
        assert_eq!(filter.service.as_deref(), Some("shop"));
        assert_eq!(page.limit, 10);
        assert!(matches!(page.from, Some((Direction::After, _))));
    }

    #[test]
    fn a_misspelt_or_invalid_parameter_is_rejected() {
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
