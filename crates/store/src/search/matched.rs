//! The columns of a statement that shows the spans that matched.

use uuid::Uuid;

use super::blocks::BlockKeys;
use super::results::SpanAt;

/// The statement that reads the spans that matched, each with its trace: see [`MatchedPlaces`].
pub(crate) const MATCHED_SPANS: &str = include_str!("matched.sql");

/// The places of the spans of traces, part by part as `matched.sql` binds them.
#[derive(Debug, Default)]
pub(crate) struct MatchedPlaces {
    pub levels: Vec<i16>,
    pub days: Vec<i32>,
    pub classes: Vec<i16>,
    pub blocks: Vec<i64>,
    /// Positions from 1.
    pub positions: Vec<i32>,
    pub traces: Vec<Uuid>,
}

impl MatchedPlaces {
    /// The places of those of the traces that have one.
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
