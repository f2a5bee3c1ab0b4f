//! The URL parameters of the page of log records.

use throughline_model::query::href;
use throughline_model::{
    Decoded, Direction, EventCursor, EventFilter, EventPage, EventPageRequest, Query,
};

use super::PageLinks;

/// A filter and a page of its list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogRequest {
    /// The filter.
    pub(crate) filter: EventFilter,
    /// The requested page.
    pub(crate) page: EventPageRequest,
}

impl LogRequest {
    /// Parses a query string.
    pub(crate) fn parse(search: &str) -> Decoded<Self> {
        Query::parse(search).decode(|parameters| Self {
            filter: EventFilter::decode(parameters),
            page: EventPageRequest::decode(parameters),
        })
    }

    /// Returns the links of the page that this request returned.
    pub(crate) fn links(&self, page: &EventPage) -> PageLinks {
        let href = |direction: Direction, cursor: EventCursor| {
            let pairs = self.filter.to_query().into_iter();
            href(
                "/logs",
                pairs.chain([(direction.key(), cursor.to_string())]),
            )
        };
        let links = PageLinks {
            newer: page.before.map(|cursor| href(Direction::Before, cursor)),
            older: page.after.map(|cursor| href(Direction::After, cursor)),
            searched: None,
        };
        let direction = self.page.from.map(|(direction, _)| direction);
        links.with_search(direction, page.searched_to)
    }
}

/// Returns the URL of the list for `filter`.
pub(crate) fn log_filter_href(filter: &EventFilter) -> String {
    href("/logs", filter.to_query())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_links_of_a_page_keep_the_filter() {
        let request = LogRequest::parse("?service=shop&severity=error&trace=none").strict();
        let request = request.expect("valid");
        let cursor: EventCursor = "17-00000000000000ff".parse().expect("a cursor");
        let page = EventPage {
            after: Some(cursor),
            before: Some(cursor),
            ..EventPage::default()
        };
        let links = request.links(&page);
        for (href, direction) in [
            (links.newer, Direction::Before),
            (links.older, Direction::After),
        ] {
            let href = href.expect("a link");
            let read = LogRequest::parse(href.trim_start_matches("/logs")).strict();
            let read = read.expect("valid");
            assert_eq!(read.filter, request.filter);
            assert_eq!(read.page.from, Some((direction, cursor)));
        }
    }
}
