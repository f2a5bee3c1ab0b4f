//! The URL parameters of the lookup page.

use throughline_model::{Cursor, Direction, Faults, PageRequest, Reference};

use super::query;

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
    ///
    /// # Errors
    /// A text for people.
    pub(crate) fn parse(search: &str) -> Result<Option<Self>, String> {
        let pairs = query::parse(search);
        let Some(text) = query::last(&pairs, "q") else {
            return Ok(None);
        };
        let mut faults = Faults::default();
        let page = PageRequest::from_query(|key| query::last(&pairs, key), &mut faults);
        let reference = faults.take(Reference::parse(text));
        let page = faults.or(page).map_err(|faults| faults.to_string())?;
        Ok(reference.map(|reference| Self { reference, page }))
    }

    /// Returns the URL of the page from `cursor` on.
    pub(crate) fn page_href(&self, direction: Direction, cursor: Cursor) -> String {
        let place = (direction.key(), cursor.to_string());
        query::href("/lookup", [("q", self.reference.text().to_owned()), place])
    }
}

/// Returns the lookup URL of a text.
pub(crate) fn lookup_href(text: &str) -> String {
    let text = text.trim();
    query::href("/lookup", (!text.is_empty()).then_some(("q", text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back_and_nothing_asks_for_nothing() {
        let href = lookup_href(" a&b=c ");
        let request = LookupRequest::parse(href.trim_start_matches("/lookup"));
        let request = request.expect("valid").expect("asks");
        assert_eq!(request.reference.text(), "a&b=c");
        assert_eq!(LookupRequest::parse("?q=+"), Ok(None));
        assert_eq!(lookup_href("  "), "/lookup");
        assert!(LookupRequest::parse("?q=a%00b").is_err());
        assert!(LookupRequest::parse("?q=a&after=x").is_err());
    }
}
