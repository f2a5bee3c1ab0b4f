//! Which span of a trace is open in the side pane.

use leptos::prelude::*;
use throughline_model::{TraceSkeleton, TraceTree, TreeItem};
use throughline_wire::{SpanId, StatusCode};

use super::query;

/// What `?span=` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Selection {
    /// Nothing: the first span in which an error began, else the first row.
    #[default]
    Default,
    /// `none`: the pane is closed.
    Closed,
    /// This span, known or not.
    Span(SpanId),
    /// Something that cannot be the id of a span.
    Wrong,
}

impl Selection {
    /// Reads a query string.
    pub(crate) fn parse(search: &str) -> Self {
        match query::last(&query::parse(search), "span") {
            Some("none") => Self::Closed,
            Some(id) => id.parse().map_or(Self::Wrong, Self::Span),
            None => Self::Default,
        }
    }

    /// The span to show on a page that keeps in `kept` what it showed by default: when the trace is
    /// read anew the reader's span stays.
    pub(crate) fn resolve_once(
        self,
        skeleton: &TraceSkeleton,
        tree: &TraceTree,
        kept: StoredValue<Option<SpanId>>,
    ) -> Option<SpanId> {
        if self != Self::Default {
            return self.resolve(skeleton, tree);
        }
        let is_there = |id: &SpanId| skeleton.spans.iter().any(|span| span.span_id == *id);
        let known = kept.try_get_value().flatten().filter(is_there);
        let chosen = known.or_else(|| self.resolve(skeleton, tree));
        let _ = kept.try_set_value(chosen);
        chosen
    }

    /// The span to show.
    pub(crate) fn resolve(self, skeleton: &TraceSkeleton, tree: &TraceTree) -> Option<SpanId> {
        match self {
            Self::Closed | Self::Wrong => None,
            Self::Span(id) => Some(id),
            Self::Default => {
                let span_at = |at: usize| match tree.rows.get(at)?.item {
                    TreeItem::Span(at) => skeleton.spans.get(at),
                    TreeItem::MissingParent(_) => None,
                };
                let at = first_cause(tree, |at| {
                    span_at(at).is_some_and(|span| span.status == StatusCode::Error)
                });
                at.and_then(span_at)
                    .or_else(|| (0..tree.rows.len()).find_map(span_at))
                    .map(|span| span.span_id)
            }
        }
    }
}

/// The first row that failed with nothing below it that failed: where the error began, not where
/// it was passed on.
fn first_cause(tree: &TraceTree, failed: impl Fn(usize) -> bool) -> Option<usize> {
    let mut cause = None;
    let mut next_failed = usize::MAX;
    for (at, row) in tree.rows.iter().enumerate().rev() {
        if failed(at) {
            if next_failed >= at + row.size as usize {
                cause = Some(at);
            }
            next_failed = at;
        }
    }
    cause
}
