//! The selected span of a trace, shown in the side pane.

use leptos::prelude::*;
use throughline_model::{Parameters, TraceSkeleton, TraceTree, TreeItem, ids};
use throughline_wire::{SpanId, StatusCode};

/// The value of `?span=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Selection {
    /// No value: selects the first span in which an error began, else the first row.
    #[default]
    Default,
    /// `none`: the pane is closed.
    Closed,
    /// A span id, known or not.
    Span(SpanId),
}

impl Selection {
    /// Reads the parameter `span`. A faulty one selects nothing.
    pub(crate) fn decode(parameters: &mut Parameters<'_>) -> Self {
        let selection = parameters.parsed("span", |text| match text {
            "none" => Ok(Self::Closed),
            id => ids::parse_span_id(id).map(Self::Span),
        });
        match selection {
            Some(selection) => selection,
            None if parameters.has("span") => Self::Closed,
            None => Self::Default,
        }
    }

    /// Returns the span to show. `kept` stores the default selection, so that it stays the same
    /// when the trace is read again.
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

    /// Returns the span to show.
    pub(crate) fn resolve(self, skeleton: &TraceSkeleton, tree: &TraceTree) -> Option<SpanId> {
        match self {
            Self::Closed => None,
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

/// Returns the first failed row without a failed row below it. The error began there and was passed
/// on by the rows above.
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
