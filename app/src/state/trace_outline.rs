//! The layout of a trace: its tree, its time axis, and its row limit.

use std::sync::Arc;

use throughline_model::query::href;
use throughline_model::{SkeletonSpan, TraceSkeleton, TraceTree, TreeItem};
use throughline_viz::Timeline;

/// A trace with the data that its views share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Outline {
    /// The trace.
    pub(crate) skeleton: Arc<TraceSkeleton>,
    /// The rows.
    pub(crate) tree: Arc<TraceTree>,
    /// The time axis, from the earliest start to the latest end.
    pub(crate) timeline: Timeline,
    /// The most rows to draw.
    pub(crate) rows_asked: usize,
}

impl Outline {
    /// The default row limit. The URL can raise it.
    pub(crate) const DEFAULT_ROWS: usize = 2_000;

    /// Computes the layout of `skeleton` with at most `rows_asked` rows.
    pub(crate) fn of(skeleton: TraceSkeleton, rows_asked: usize) -> Self {
        let (from, to) = skeleton.bounds();
        Self {
            tree: Arc::new(TraceTree::of(&skeleton)),
            skeleton: Arc::new(skeleton),
            timeline: Timeline { from, to },
            rows_asked,
        }
    }

    /// Returns the span on the row at index `at`. `None` for the row of a missing parent.
    pub(crate) fn span_at(&self, at: usize) -> Option<&SkeletonSpan> {
        match self.tree.rows.get(at)?.item {
            TreeItem::Span(index) => self.skeleton.spans.get(index),
            TreeItem::MissingParent(_) => None,
        }
    }

    /// Returns the URL of this trace with `span` in the pane: an id or `none`.
    pub(crate) fn href(&self, span: &str) -> String {
        let path = format!("/traces/{}", self.skeleton.summary.trace_id);
        let rows = self.rows_asked.to_string();
        let rows = (self.rows_asked != Self::DEFAULT_ROWS).then_some(("rows", rows.as_str()));
        href(&path, rows.into_iter().chain([("span", span)]))
    }
}
