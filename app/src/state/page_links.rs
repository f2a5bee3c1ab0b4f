//! The links of a page of a list.

use throughline_model::{Cursor, Direction, Page, PageRequest};
use throughline_wire::UnixNanos;

/// The links to the neighbouring pages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct PageLinks {
    /// The URL of the newer page.
    pub(crate) newer: Option<String>,
    /// The URL of the older page.
    pub(crate) older: Option<String>,
    /// The position at which a search stopped at its limit, and the URL that continues it.
    pub(crate) searched: Option<Searched>,
}

/// A search that stopped before it had searched everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Searched {
    /// The limit of the searched range. Traces beyond it have not been searched.
    pub(crate) to: UnixNanos,
    /// True if the search goes towards older traces.
    pub(crate) is_backwards: bool,
    /// The URL that continues the search.
    pub(crate) href: String,
}

impl PageLinks {
    /// Returns the links of `page`, which was requested with `asked`. `href` returns the URL of a
    /// cursor.
    pub(crate) fn of<T>(
        page: &Page<T>,
        asked: PageRequest,
        href: impl Fn(Direction, Cursor) -> String,
    ) -> Self {
        let links = Self {
            newer: page.before.map(|cursor| href(Direction::Before, cursor)),
            older: page.after.map(|cursor| href(Direction::After, cursor)),
            searched: None,
        };
        let direction = asked.from.map(|(direction, _)| direction);
        links.with_search(direction, page.searched_to)
    }

    /// Turns the link in the direction of paging into the link that continues a search, if the
    /// search stopped at `searched_to`.
    pub(crate) fn with_search(
        mut self,
        direction: Option<Direction>,
        searched_to: Option<UnixNanos>,
    ) -> Self {
        let is_backwards = direction != Some(Direction::Before);
        let side = if is_backwards {
            &mut self.older
        } else {
            &mut self.newer
        };
        self.searched = searched_to.and_then(|to| {
            Some(Searched {
                to,
                is_backwards,
                href: side.take()?,
            })
        });
        self
    }
}

#[cfg(test)]
mod tests {
    use throughline_model::Total;

    use super::*;

    fn page(searched_to: Option<i64>) -> Page<()> {
        let place = |start| {
            format!("{start}-4bf92f3577b34da6a3ce929d0e0e4736")
                .parse()
                .ok()
        };
        Page {
            items: Vec::new(),
            after: place(1),
            before: place(2),
            total: Total::AtLeast(0),
            searched_to: searched_to.map(UnixNanos::new),
        }
    }

    fn links(searched_to: Option<i64>, from: Option<Direction>) -> PageLinks {
        let page = page(searched_to);
        let asked = PageRequest {
            from: from.and_then(|direction| Some((direction, page.after?))),
            ..PageRequest::default()
        };
        PageLinks::of(&page, asked, |_, place| place.start.to_string())
    }

    #[test]
    fn a_search_goes_on_on_the_side_it_stopped_at() {
        let plain = links(None, None);
        assert_eq!(plain.newer.as_deref(), Some("2"));
        assert_eq!(plain.older.as_deref(), Some("1"));
        assert_eq!(plain.searched, None);

        let down = links(Some(1), Some(Direction::After));
        assert_eq!((down.newer.as_deref(), down.older), (Some("2"), None));
        let searched = down.searched.expect("stopped");
        assert_eq!((searched.href.as_str(), searched.is_backwards), ("1", true));

        let up = links(Some(2), Some(Direction::Before));
        assert_eq!((up.newer, up.older.as_deref()), (None, Some("1")));
        assert!(!up.searched.expect("stopped").is_backwards);
    }
}
