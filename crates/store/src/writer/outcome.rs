//! The outcome of a commit for each row of its group.

use super::digests::Grown;
use crate::ids::{EventKey, EventKeys};

/// The location of a row in a group: span or event, batch, and index in the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct RowRef {
    pub batch: u32,
    pub row: u32,
    pub is_event: bool,
}

/// The events of a commit that are new.
#[derive(Debug)]
pub(super) enum InsertedEvents {
    /// All of them.
    All,
    /// The events with these keys.
    Keys(EventKeys),
}

impl InsertedEvents {
    pub(super) fn contains(&self, event: &EventKey) -> bool {
        match self {
            Self::All => true,
            Self::Keys(keys) => keys.contains(event),
        }
    }
}

/// The spans of a commit by their outcome.
#[derive(Debug, Default)]
pub(super) struct Claimed {
    /// Spans to store.
    pub new: Vec<RowRef>,
    /// Spans that are already stored with the same content.
    pub duplicate: Vec<RowRef>,
    /// Spans beyond the span limit of their traces.
    pub over_limit: Vec<RowRef>,
    /// Large traces with all their digests after this commit.
    pub large: Vec<Grown>,
}

/// The rows that were committed.
#[derive(Debug)]
pub(super) struct Committed {
    pub spans: Claimed,
    pub events: InsertedEvents,
}
