//! Keyset pages: a place in a stated order instead of a number of rows to skip.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};
use throughline_wire::{TraceId, UnixNanos};

use crate::Faults;

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

impl Direction {
    /// The name in a URL of the cursor the page lies beyond.
    pub const fn key(self) -> &'static str {
        match self {
            Self::After => "after",
            Self::Before => "before",
        }
    }
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
    /// The names a URL may use.
    pub const KEYS: [&'static str; 3] = ["limit", "after", "before"];

    /// Reads `limit` and one of `after` and `before`, given the last value of each; what is wrong
    /// is added to `faults`.
    pub fn from_query<'a>(value: impl Fn(&str) -> Option<&'a str>, faults: &mut Faults) -> Self {
        let mut cursor = |name: &str| {
            let read = value(name)?
                .parse::<Cursor>()
                .map_err(|fault| format!("{name}: {fault}"));
            faults.take(read)
        };
        let from = match (cursor("after"), cursor("before")) {
            (Some(_), Some(_)) => {
                faults
                    .0
                    .push("after and before exclude each other".to_owned());
                None
            }
            (Some(after), None) => Some((Direction::After, after)),
            (None, Some(before)) => Some((Direction::Before, before)),
            (None, None) => None,
        };
        let limit = value("limit").map(|text| {
            text.parse()
                .ok()
                .filter(|limit| (1..=Self::MAX_LIMIT).contains(limit))
                .ok_or_else(|| {
                    format!(
                        "limit {text:?} is not a number from 1 to {}",
                        Self::MAX_LIMIT
                    )
                })
        });
        Self {
            limit: limit
                .and_then(|limit| faults.take(limit))
                .unwrap_or(Self::DEFAULT_LIMIT),
            from,
        }
    }
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
    /// Where a search that no index serves stopped looking, when it did before its end: traces
    /// beyond this instant have not been looked at. The page on that side goes on from here.
    #[serde(
        rename = "searched_to_ns",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub searched_to: Option<UnixNanos>,
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
