//! The URL parameters of the list page.

use throughline_model::{Cursor, Direction, Faults, PageRequest, TraceFilter};

use super::query;

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
    ///
    /// # Errors
    /// A text for people: one sentence for each invalid parameter.
    pub(crate) fn parse(search: &str) -> Result<Self, String> {
        let pairs = query::parse(search);
        let mut faults = Faults::default();
        let filter = TraceFilter::from_query(
            pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())),
            &PageRequest::KEYS,
        )
        .unwrap_or_else(|found| {
            faults = found;
            TraceFilter::default()
        });
        let page = PageRequest::from_query(|key| query::last(&pairs, key), &mut faults);
        let request = Self { filter, page };
        faults.or(request).map_err(|faults| faults.to_string())
    }

    /// Returns the URL of the page from `cursor` on.
    pub(crate) fn page_href(&self, direction: Direction, cursor: Cursor) -> String {
        let pairs = self
            .filter
            .to_query()
            .into_iter()
            .chain([(direction.key().into(), cursor.to_string())]);
        query::href("/traces", pairs)
    }
}

/// Returns the URL of the list for `filter`.
pub(crate) fn filter_href(filter: &TraceFilter) -> String {
    query::href("/traces", filter.to_query())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_address_reads_back() {
        let request = ListRequest::parse("?user=a%26b&operation=100%25+x").expect("valid");
        let cursor: Cursor = "17-4bf92f3577b34da6a3ce929d0e0e4736"
            .parse()
            .expect("cursor");
        let href = request.page_href(Direction::Before, cursor);
        let read = ListRequest::parse(href.trim_start_matches("/traces")).expect("valid");
        assert_eq!(read.filter, request.filter);
        assert_eq!(read.page.from, Some((Direction::Before, cursor)));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (search, word) in [
            ("?status=odd", "status"),
            ("?min_duration=fast", "duration"),
            ("?after=x", "cursor"),
            ("?range=x", "range"),
            ("?statsu=ok", "status"),
            ("?status=odd&after=x", "cursor"),
        ] {
            let message = ListRequest::parse(search).expect_err("refused");
            assert!(message.contains(word), "{message}");
        }
    }
}
