//! The layout of a trace: its tree, its time axis, and its row limit.

use core::ops::Range;
use std::sync::Arc;

use throughline_model::query::href;
use throughline_model::{SkeletonSpan, TraceSkeleton, TraceTree, TreeItem};
use throughline_viz::Timeline;
use throughline_wire::SpanId;

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

/// The rows of a waterfall that are drawn, by index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DrawnRows {
    /// The first rows of the trace.
    pub(crate) first: Range<usize>,
    /// The rows around the selected span, if it is below the first rows.
    pub(crate) around: Option<Range<usize>>,
}

impl DrawnRows {
    /// Reports whether the row at index `at` is drawn.
    pub(crate) fn contains(&self, at: usize) -> bool {
        self.first.contains(&at) || self.around.as_ref().is_some_and(|rows| rows.contains(&at))
    }
}

impl Outline {
    /// The default row limit. The URL can raise it.
    pub(crate) const DEFAULT_ROWS: usize = 2_000;
    /// The number of rows that are drawn on each side of a selected row below the row limit.
    const AROUND_SELECTED: usize = 100;

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

    /// Explains why spans of the trace may be absent.
    pub(crate) fn absence(&self) -> String {
        let dropped = &self.skeleton.completeness.dropped_meanwhile;
        if dropped.is_empty() {
            return "It has not arrived.".to_owned();
        }
        let parts: Vec<_> = dropped.iter().map(ToString::to_string).collect();
        format!(
            "Its sender may have dropped it: meanwhile {}.",
            parts.join("; ")
        )
    }

    /// Returns the index of the first row of the span with this id.
    pub(crate) fn row_of(&self, span_id: SpanId) -> Option<usize> {
        (0..self.tree.rows.len()).find(|at| {
            self.span_at(*at)
                .is_some_and(|span| span.span_id == span_id)
        })
    }

    /// Returns the rows to draw: the first `rows_asked`, and those around the row `selected` if it
    /// is below them. The ranges are ordered and separate, so a page stays small in a long trace.
    pub(crate) fn drawn_rows(&self, selected: Option<usize>) -> DrawnRows {
        let all = self.tree.rows.len();
        let first = 0..all.min(self.rows_asked);
        let around = selected
            .filter(|at| (first.end..all).contains(at))
            .map(|at| {
                let from = at.saturating_sub(Self::AROUND_SELECTED).max(first.end);
                from..all.min(at.saturating_add(Self::AROUND_SELECTED))
            });
        DrawnRows { first, around }
    }

    /// Returns the URL of this trace with `span` in the pane: an id or `none`.
    pub(crate) fn href(&self, span: &str) -> String {
        self.href_of_rows(self.rows_asked, Some(span))
    }

    /// Returns the URL of this trace with the first `rows` rows and `span` in the pane.
    pub(crate) fn href_of_rows(&self, rows: usize, span: Option<&str>) -> String {
        let path = format!("/traces/{}", self.skeleton.summary.trace_id);
        let rows = (rows != Self::DEFAULT_ROWS).then(|| ("rows", rows.to_string()));
        let span = span.map(|span| ("span", span.to_owned()));
        href(&path, rows.into_iter().chain(span))
    }
}
