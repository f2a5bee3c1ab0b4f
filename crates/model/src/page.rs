//! Keyset pages: a place in a stated order instead of a number of rows to skip.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};
use throughline_wire::{TraceId, UnixNanos};

/// A place in the list of traces, which is ordered by start, newest first, then by trace id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cursor {
    /// Start of the trace at this place.
    pub start: UnixNanos,
    /// Its id, which decides between traces that began at the same instant.
    pub trace_id: TraceId,
}

/// `<start in ns>-<trace id>`: what a URL carries.
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.start, self.trace_id)
    }
}

impl FromStr for Cursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("cursor {text:?} is not <start in ns>-<trace id>");
        let (start, trace_id) = text.rsplit_once('-').ok_or_else(wrong)?;
        Ok(Self {
            start: start.parse().map(UnixNanos::new).map_err(|_| wrong())?,
            trace_id: trace_id.parse().map_err(|_| wrong())?,
        })
    }
}

/// Which way a page lies from its cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// Further down the list: older traces.
    After,
    /// Back up the list: newer traces.
    Before,
}

/// Which page of a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageRequest {
    /// How many rows at most, 1 to [`PageRequest::MAX_LIMIT`].
    pub limit: u32,
    /// From where; none for the first page.
    pub from: Option<(Direction, Cursor)>,
}

impl PageRequest {
    /// Rows of a page unless the caller says otherwise.
    pub const DEFAULT_LIMIT: u32 = 50;
    /// Rows of a page at most.
    pub const MAX_LIMIT: u32 = 500;
}

impl Default for PageRequest {
    fn default() -> Self {
        Self {
            limit: Self::DEFAULT_LIMIT,
            from: None,
        }
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The rows, in the list's order whichever way the page was reached.
    pub items: Vec<T>,
    /// Where the next (older) page begins; none on the last.
    pub after: Option<Cursor>,
    /// Where the previous (newer) page ends; none on the first.
    pub before: Option<Cursor>,
    /// How many rows the whole list has.
    pub total: Total,
}

/// How many rows a list has, and how sure that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "exactness", content = "count", rename_all = "snake_case")]
pub enum Total {
    /// Exactly so many.
    Exact(u64),
    /// At least so many: counting stopped there.
    AtLeast(u64),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_reads_back(start: i64, bytes in prop::array::uniform16(1_u8..)) {
            let trace_id = TraceId::from_bytes(bytes).expect("not zero");
            let cursor = Cursor { start: UnixNanos::new(start), trace_id };
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn any_text_is_a_cursor_or_an_error(text in "\\PC{0,60}") {
            let _ = text.parse::<Cursor>();
        }
    }
}
