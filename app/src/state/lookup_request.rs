//! The URL parameters of the lookup page.

use throughline_model::query::href;
use throughline_model::{Cursor, Decoded, Direction, PageRequest, Query, Reference};

/// A reference and a page of its matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LookupRequest {
    /// The reference.
    pub(crate) reference: Reference,
    /// The requested page.
    pub(crate) page: PageRequest,
}

impl LookupRequest {
    /// Parses a query string. Returns `None` if it contains no reference.
    pub(crate) fn parse(search: &str) -> Decoded<Option<Self>> {
        Query::parse(search).decode(|parameters| {
            let page = PageRequest::decode(parameters);
            let reference = Reference::decode(parameters)?;
            Some(Self { reference, page })
        })
    }

    /// Returns the URL of the page from `cursor` on.
    pub(crate) fn page_href(&self, direction: Direction, cursor: Cursor) -> String {
        let place = (direction.key(), cursor.to_string());
        href("/lookup", [("q", self.reference.text().to_owned()), place])
    }
}

/// Returns the lookup URL of a text.
pub(crate) fn lookup_href(text: &str) -> String {
    let text = text.trim();
    href("/lookup", (!text.is_empty()).then_some(("q", text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back_and_nothing_asks_for_nothing() {
        let href = lookup_href(" a&b=c ");
        let read = |search| LookupRequest::parse(search).strict();
        let request = read(href.trim_start_matches("/lookup"));
        let request = request.expect("valid").expect("asks");
        assert_eq!(request.reference.text(), "a&b=c");
        assert_eq!(read("?q=+"), Ok(None));
        assert_eq!(lookup_href("  "), "/lookup");
        assert!(read("?q=a%00b").is_err());
        assert!(read("?q=a&after=x").is_err());
    }
}
