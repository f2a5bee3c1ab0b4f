//! A trace made ready to be drawn: its tree, its time axis, how many rows of it.

use std::sync::Arc;

use throughline_model::{SkeletonSpan, TraceSkeleton, TraceTree, TreeItem};
use throughline_viz::Timeline;

use super::query;

/// A trace with what its views share; cheap to clone.
#[derive(Clone)]
pub(crate) struct Outline {
    /// The trace.
    pub(crate) skeleton: Arc<TraceSkeleton>,
    /// Its rows.
    pub(crate) tree: Arc<TraceTree>,
    /// From its earliest start to its latest end.
    pub(crate) timeline: Timeline,
    /// How many rows are drawn at most.
    pub(crate) rows_asked: usize,
}

impl Outline {
    /// How many rows are drawn unless the URL asks for more.
    pub(crate) const DEFAULT_ROWS: usize = 2_000;

    /// Lays out `skeleton`, of which `rows_asked` rows are wanted.
    pub(crate) fn of(skeleton: TraceSkeleton, rows_asked: usize) -> Self {
        let (from, to) = skeleton.bounds();
        Self {
            tree: Arc::new(TraceTree::of(&skeleton)),
            skeleton: Arc::new(skeleton),
            timeline: Timeline { from, to },
            rows_asked,
        }
    }

    /// The span on row `at`; none on the row of a missing parent.
    pub(crate) fn span_at(&self, at: usize) -> Option<&SkeletonSpan> {
        match self.tree.rows.get(at)?.item {
            TreeItem::Span(index) => self.skeleton.spans.get(index),
            TreeItem::MissingParent(_) => None,
        }
    }

    /// The address of this trace with the pane on `span`: an id or `none`.
    pub(crate) fn href(&self, span: &str) -> String {
        let path = format!("/traces/{}", self.skeleton.summary.trace_id);
        let rows = self.rows_asked.to_string();
        let rows = (self.rows_asked != Self::DEFAULT_ROWS).then_some(("rows", rows.as_str()));
        query::href(&path, rows.into_iter().chain([("span", span)]))
    }

    /// How many rows the query string asks for.
    pub(crate) fn rows_asked(search: &str) -> usize {
        query::last(&query::parse(search), "rows")
            .and_then(|rows| rows.parse().ok())
            .unwrap_or(Self::DEFAULT_ROWS)
            .max(1)
    }
}
