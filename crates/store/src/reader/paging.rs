//! Builds pages of a list around a cursor, for rows of any type.

use throughline_model::{Cursor, Direction, EventCursor};
use throughline_wire::TraceId;

/// A position in a list. No row needs to exist at it.
pub(super) trait PageCursor: Copy {
    /// Returns the next newer position. The row at `self` is older than it.
    fn newer(self) -> Self;
    /// Returns the next older position. The row at `self` is newer than it.
    fn older(self) -> Self;
}

impl PageCursor for Cursor {
    fn newer(self) -> Self {
        let id = u128::from_be_bytes(self.trace_id.to_bytes());
        beside(self, id.checked_add(1), (1, 1))
    }

    fn older(self) -> Self {
        let id = u128::from_be_bytes(self.trace_id.to_bytes());
        beside(self, id.checked_sub(1), (-1, u128::MAX))
    }
}

/// Returns the position of trace `id` at the same time. If the ID is invalid, returns the position
/// of trace `first` at a time shifted by `nanos` ns.
fn beside(cursor: Cursor, id: Option<u128>, (nanos, first): (i64, u128)) -> Cursor {
    let valid = |id: u128| TraceId::from_bytes(id.to_be_bytes()).ok();
    match id.and_then(valid) {
        Some(trace_id) => Cursor { trace_id, ..cursor },
        None => Cursor {
            start: cursor.start.saturating_add(nanos),
            trace_id: valid(first).unwrap_or(cursor.trace_id),
        },
    }
}

impl PageCursor for EventCursor {
    fn newer(self) -> Self {
        match self.digest.checked_add(1) {
            Some(digest) => Self { digest, ..self },
            None => Self {
                at: self.at.saturating_add(1),
                digest: i64::MIN,
            },
        }
    }

    fn older(self) -> Self {
        match self.digest.checked_sub(1) {
            Some(digest) => Self { digest, ..self },
            None => Self {
                at: self.at.saturating_add(-1),
                digest: i64::MAX,
            },
        }
    }
}

/// A page with the cursors of the previous and the next page.
pub(super) struct Paged<T, C> {
    pub items: Vec<T>,
    pub before: Option<C>,
    pub after: Option<C>,
    /// True if there are more rows than the page takes.
    pub has_more: bool,
}

impl<T, C: PageCursor> Paged<T, C> {
    /// Builds a page from `items` in the order of the list. The caller must have requested one row
    /// more than `limit`; it shows whether more rows follow.
    ///
    /// If the client came from a cursor, rows exist on that side: at least the row at the cursor.
    pub(super) fn of(
        mut items: Vec<T>,
        limit: usize,
        from: Option<(Direction, C)>,
        cursor: impl Fn(&T) -> C,
    ) -> Self {
        let has_more = items.len() > limit;
        if has_more {
            // The extra row is the one furthest from the cursor.
            match from {
                Some((Direction::Before, _)) => drop(items.remove(0)),
                _ => items.truncate(limit),
            }
        }
        let (first, last) = (items.first().map(&cursor), items.last().map(&cursor));
        let (before, after) = match from {
            None => (None, last.filter(|_| has_more)),
            Some((Direction::After, from)) => {
                // The row at the cursor belongs to the other page, so even an empty page links back
                // to it.
                (first.or(Some(from.older())), last.filter(|_| has_more))
            }
            Some((Direction::Before, from)) => {
                (first.filter(|_| has_more), last.or(Some(from.newer())))
            }
        };
        Self {
            items,
            before,
            after,
            has_more,
        }
    }
}

#[cfg(test)]
mod tests {
    use throughline_wire::UnixNanos;

    use super::*;

    fn cursor(start: i64, id: u128) -> Cursor {
        Cursor {
            start: UnixNanos::new(start),
            trace_id: TraceId::from_bytes(id.to_be_bytes()).expect("not zero"),
        }
    }

    #[test]
    fn the_places_beside_a_trace_skip_the_id_that_there_is_not() {
        assert_eq!(cursor(5, 7).newer(), cursor(5, 8));
        assert_eq!(cursor(5, 7).older(), cursor(5, 6));
        assert_eq!(cursor(5, u128::MAX).newer(), cursor(6, 1));
        assert_eq!(cursor(5, 1).older(), cursor(4, u128::MAX));
    }

    #[test]
    fn the_places_beside_an_event_go_on_at_the_next_instant() {
        let event = |at: i64, digest: i64| EventCursor {
            at: UnixNanos::new(at),
            digest,
        };
        assert_eq!(event(5, -1).newer(), event(5, 0));
        assert_eq!(event(5, i64::MAX).newer(), event(6, i64::MIN));
        assert_eq!(event(5, i64::MIN).older(), event(4, i64::MAX));
    }

    #[test]
    fn an_empty_page_leads_back_to_the_row_it_came_from() {
        let from = cursor(5, 7);
        let empty = || Vec::<Cursor>::new();
        let page = Paged::of(empty(), 2, Some((Direction::After, from)), |row| *row);
        // The page before this position starts with the row itself.
        assert!(page.before.is_some_and(|place| place < from) && page.after.is_none());
        let page = Paged::of(empty(), 2, Some((Direction::Before, from)), |row| *row);
        assert!(page.after.is_some_and(|place| place > from) && page.before.is_none());
    }
}
