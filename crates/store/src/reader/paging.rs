//! Rows around a place in a list as a page, whatever they are rows of.

use throughline_model::Direction;

/// A page and where the pages on both sides begin.
pub(super) struct Paged<T, C> {
    pub items: Vec<T>,
    pub before: Option<C>,
    pub after: Option<C>,
    /// Whether there was a row more than the page takes.
    pub has_more: bool,
}

impl<T, C: Copy> Paged<T, C> {
    /// Makes a page of `items`, of which one more than `limit` was asked for, in the order of the
    /// list whichever way the page was reached. On the side it was reached from there are rows,
    /// those at the cursor at least.
    pub(super) fn of(
        mut items: Vec<T>,
        limit: usize,
        from: Option<(Direction, C)>,
        cursor: impl Fn(&T) -> C,
    ) -> Self {
        let has_more = items.len() > limit;
        if has_more {
            // The row too many is the one furthest from the cursor.
            match from {
                Some((Direction::Before, _)) => drop(items.remove(0)),
                _ => items.truncate(limit),
            }
        }
        let (first, last) = (items.first().map(&cursor), items.last().map(&cursor));
        let (before, after) = match from {
            None => (None, last.filter(|_| has_more)),
            Some((Direction::After, from)) => (first.or(Some(from)), last.filter(|_| has_more)),
            Some((Direction::Before, from)) => (first.filter(|_| has_more), last.or(Some(from))),
        };
        Self {
            items,
            before,
            after,
            has_more,
        }
    }
}
