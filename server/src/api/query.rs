//! Decodes the query strings of the API.

use axum::extract::RawQuery;
use throughline_model::{Parameters, Query};

use crate::problem::Problem;

/// Reads a request from a query string.
///
/// # Errors
/// Returns a problem that names each faulty and each unknown parameter. A script would not notice
/// that the server ignored a misspelt condition, and would get everything.
pub(crate) fn decode<T>(
    query: &RawQuery,
    read: impl FnOnce(&mut Parameters<'_>) -> T,
) -> Result<T, Problem> {
    let query = Query::parse(query.0.as_deref().unwrap_or_default());
    Ok(query.decode(read).strict()?)
}

/// Refuses every parameter, for routes that have none.
pub(super) fn nothing(query: &RawQuery) -> Result<(), Problem> {
    decode(query, |_| ())
}

#[cfg(test)]
mod tests {
    use axum::http::StatusCode;
    use throughline_model::{Direction, PageRequest, TraceFilter};

    use super::*;

    fn filter_and_page(text: &str) -> Result<(TraceFilter, PageRequest), Problem> {
        decode(&RawQuery(Some(text.to_owned())), |parameters| {
            let filter = TraceFilter::decode(parameters);
            (filter, PageRequest::decode(parameters))
        })
    }

    #[test]
    fn a_filter_and_a_page_are_read_together() {
        let text = "service=shop&limit=10&after=5-4bf92f3577b34da6a3ce929d0e0e4736";
        let (filter, page) = filter_and_page(text).expect("valid");
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
            let problem = filter_and_page(text).expect_err(text);
            assert_eq!(problem.status(), StatusCode::BAD_REQUEST);
        }
        let alone = decode(&RawQuery(Some("limit=5".to_owned())), TraceFilter::decode);
        assert!(alone.is_err());
        assert!(nothing(&RawQuery(Some("a".to_owned()))).is_err());
        assert!(nothing(&RawQuery(None)).is_ok());
    }
}
