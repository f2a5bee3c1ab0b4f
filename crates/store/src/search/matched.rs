//! Shared parts of statements that return the spans that matched.

use uuid::Uuid;

use super::blocks::BlockKeys;
use super::results::SpanAt;

/// The statement that reads the matched spans with their traces. See [`MatchedPlaces`].
pub(crate) const MATCHED_SPANS: &str = include_str!("matched.sql");

/// The positions of matched spans as parallel arrays, in the form of the bind parameters of
/// `matched.sql`.
#[derive(Debug, Default)]
pub(crate) struct MatchedPlaces {
    pub levels: Vec<i16>,
    pub days: Vec<i32>,
    pub classes: Vec<i16>,
    pub blocks: Vec<i64>,
    /// The positions in the block, from 1.
    pub positions: Vec<i32>,
    pub traces: Vec<Uuid>,
}

impl MatchedPlaces {
    /// Returns the positions for the traces that have a matched span.
    pub(crate) fn of(traces: &[(Uuid, Option<SpanAt>)]) -> Self {
        let known = || {
            let traces = traces.iter();
            traces.filter_map(|(trace, span)| Some((*trace, (*span)?)))
        };
        let BlockKeys {
            levels,
            days,
            classes,
            ids,
        } = BlockKeys::of(known().map(|(_, span)| span.block));
        Self {
            levels,
            days,
            classes,
            blocks: ids,
            positions: known().map(|(_, span)| span.position as i32 + 1).collect(),
            traces: known().map(|(trace, _)| trace).collect(),
        }
    }
}
