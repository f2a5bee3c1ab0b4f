//! Keyset pagination: a page starts at a position in a stated order, not at a number of rows to
//! skip.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};
use throughline_wire::{TraceId, UnixNanos};

use crate::query::{Parameters, quoted};

/// A position in the list of traces. The list is ordered by start, newest first, then by trace id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cursor {
    /// The start of the trace at this position.
    pub start: UnixNanos,
    /// The id of that trace. It orders traces that began at the same instant.
    pub trace_id: TraceId,
}

/// Formats the cursor for a URL: `<start in ns>-<trace id>`.
impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.start, self.trace_id)
    }
}

impl FromStr for Cursor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{} is not a cursor <start in ns>-<trace id>", quoted(text));
        let (start, trace_id) = text.rsplit_once('-').ok_or_else(wrong)?;
        Ok(Self {
            start: start.parse().map(UnixNanos::new).map_err(|_| wrong())?,
            trace_id: trace_id.parse().map_err(|_| wrong())?,
        })
    }
}

/// The direction in which a page lies from its cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// Down the list, to older traces.
    After,
    /// Up the list, to newer traces.
    Before,
}

impl Direction {
    /// Returns the name of the query parameter that carries a cursor of this direction.
    pub const fn key(self) -> &'static str {
        match self {
            Self::After => "after",
            Self::Before => "before",
        }
    }
}

/// A request for one page of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageRequest {
    /// The maximum number of rows, 1 to [`PageRequest::MAX_LIMIT`].
    pub limit: u32,
    /// The position the page starts from; `None` for the first page.
    pub from: Option<(Direction, Cursor)>,
}

impl PageRequest {
    /// The default number of rows in a page.
    pub const DEFAULT_LIMIT: u32 = 50;
    /// The maximum number of rows in a page.
    pub const MAX_LIMIT: u32 = 500;
    /// Reads `limit` and one of `after` and `before`.
    pub fn decode(parameters: &mut Parameters<'_>) -> Self {
        Self {
            limit: decode_limit(parameters, Self::MAX_LIMIT).unwrap_or(Self::DEFAULT_LIMIT),
            from: decode_position(parameters),
        }
    }
}

/// Reads `limit`, a number from 1 to `most`.
pub fn decode_limit(parameters: &mut Parameters<'_>, most: u32) -> Option<u32> {
    parameters.parsed("limit", |text| {
        let limit = text.parse().ok();
        limit
            .filter(|limit| (1..=most).contains(limit))
            .ok_or_else(|| format!("{} is not a number from 1 to {most}", quoted(text)))
    })
}

/// Reads the cursor `after` or `before`.
pub fn decode_position<C>(parameters: &mut Parameters<'_>) -> Option<(Direction, C)>
where
    C: FromStr<Err = String>,
{
    let [after, before] = [Direction::After, Direction::Before].map(|direction| {
        let cursor = parameters.parsed(direction.key(), str::parse)?;
        Some((direction, cursor))
    });
    if after.is_some() && before.is_some() {
        parameters.fault("before", "cannot be combined with after");
    }
    after.or(before)
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
    /// The rows, in the order of the list in either direction of paging.
    pub items: Vec<T>,
    /// The cursor of the next (older) page; `None` on the last page.
    pub after: Option<Cursor>,
    /// The cursor of the previous (newer) page; `None` on the first page.
    pub before: Option<Cursor>,
    /// The number of rows of the whole list.
    pub total: Total,
    /// The instant at which a search without an index stopped, if it stopped before its end. Traces
    /// beyond it were not examined. The page on that side continues from here.
    #[serde(
        rename = "searched_to_ns",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub searched_to: Option<UnixNanos>,
}

/// The number of rows of a list, exact or a lower bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "exactness", content = "count", rename_all = "snake_case")]
pub enum Total {
    /// Exactly this number.
    Exact(u64),
    /// A lower bound: counting stopped at this number.
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
