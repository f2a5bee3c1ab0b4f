//! Which span of a trace is open in the side pane.

use throughline_model::{TraceSkeleton, TraceTree, TreeItem};
use throughline_wire::{SpanId, StatusCode};

use super::query;

/// What `?span=` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Selection {
    /// Nothing: the first span that failed, else the first row.
    #[default]
    Default,
    /// `none`: the pane is closed.
    Closed,
    /// This span, known or not.
    Span(SpanId),
}

impl Selection {
    /// Reads a query string; what is no span id counts as nothing said.
    pub(crate) fn parse(search: &str) -> Self {
        match query::last(&query::parse(search), "span") {
            Some("none") => Self::Closed,
            Some(id) => id.parse().map_or(Self::Default, Self::Span),
            None => Self::Default,
        }
    }

    /// The span to show.
    pub(crate) fn resolve(self, skeleton: &TraceSkeleton, tree: &TraceTree) -> Option<SpanId> {
        match self {
            Self::Closed => None,
            Self::Span(id) => Some(id),
            Self::Default => {
                let spans = || {
                    tree.rows.iter().filter_map(|row| match row.item {
                        TreeItem::Span(at) => skeleton.spans.get(at),
                        TreeItem::MissingParent(_) => None,
                    })
                };
                spans()
                    .find(|span| span.status == StatusCode::Error)
                    .or_else(|| spans().next())
                    .map(|span| span.span_id)
            }
        }
    }
}
