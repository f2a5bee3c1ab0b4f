//! The URL parameters of the list page.

use throughline_model::query::href;
use throughline_model::{Cursor, Decoded, Direction, PageRequest, Query, TraceFilter};

/// A filter and a page of its list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct ListRequest {
    /// The filter.
    pub(crate) filter: TraceFilter,
    /// The requested page.
    pub(crate) page: PageRequest,
}

impl ListRequest {
    /// Parses a query string.
    pub(crate) fn parse(search: &str) -> Decoded<Self> {
        Query::parse(search).decode(|parameters| Self {
            filter: TraceFilter::decode(parameters),
            page: PageRequest::decode(parameters),
        })
    }

    /// Returns the URL of the page from `cursor` on.
    pub(crate) fn page_href(&self, direction: Direction, cursor: Cursor) -> String {
        let pairs = self
            .filter
            .to_query()
            .into_iter()
            .chain([(direction.key().into(), cursor.to_string())]);
        href("/traces", pairs)
    }
}

/// Returns the URL of the list for `filter`.
pub(crate) fn filter_href(filter: &TraceFilter) -> String {
    href("/traces", filter.to_query())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(search: &str) -> ListRequest {
        ListRequest::parse(search).strict().expect("valid")
    }

    #[test]
    fn a_page_address_reads_back() {
        let request = read("?user=a%26b&operation=100%25+x");
        let cursor: Cursor = "17-4bf92f3577b34da6a3ce929d0e0e4736"
            .parse()
            .expect("cursor");
        let href = request.page_href(Direction::Before, cursor);
        let read = read(href.trim_start_matches("/traces"));
        assert_eq!(read.filter, request.filter);
        assert_eq!(read.page.from, Some((Direction::Before, cursor)));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (search, name) in [
            ("?status=odd", "status"),
            ("?min_duration=fast", "min_duration"),
            ("?after=x", "after"),
            ("?range=x", "range"),
        ] {
            let faults = ListRequest::parse(search).lenient().expect_err("refused");
            assert_eq!(faults.as_slice()[0].parameter, name);
        }
    }
}
