//! Which rows of a waterfall are folded.

use std::collections::HashSet;

use leptos::prelude::*;
use throughline_model::TreeItem;
use throughline_wire::{SpanId, UnixNanos};

use super::Outline;

/// A row, whatever stands above it: the same when the trace is read anew. A missing parent has no
/// start.
type Key = (SpanId, Option<UnixNanos>);

/// The folded rows of a page, which owns it; cheap to copy.
#[derive(Clone, Copy)]
pub(crate) struct Folds(RwSignal<HashSet<Key>>);

impl Folds {
    /// All are unfolded.
    pub(crate) fn new() -> Self {
        Self(RwSignal::new(HashSet::new()))
    }

    /// Whether row `at` is folded.
    pub(crate) fn has(self, outline: &Outline, at: usize) -> bool {
        key(outline, at).is_some_and(|key| self.0.with(|folded| folded.contains(&key)))
    }

    /// Which rows are on screen.
    pub(crate) fn visible(self, outline: &Outline) -> Vec<bool> {
        self.0.with(|folded| {
            let is_folded = |at| key(outline, at).is_some_and(|key| folded.contains(&key));
            outline.tree.visible(is_folded)
        })
    }

    /// Folds row `at` or unfolds it: as wanted, else the other way.
    pub(crate) fn toggle(self, outline: &Outline, at: usize, wanted: Option<bool>) {
        let Some(key) = key(outline, at) else {
            return;
        };
        self.0.update(|folded| {
            if wanted.unwrap_or(!folded.contains(&key)) {
                folded.insert(key);
            } else {
                folded.remove(&key);
            }
        });
    }
}

fn key(outline: &Outline, at: usize) -> Option<Key> {
    match outline.tree.rows.get(at)?.item {
        TreeItem::Span(index) => {
            let span = outline.skeleton.spans.get(index)?;
            Some((span.span_id, Some(span.start)))
        }
        TreeItem::MissingParent(id) => Some((id, None)),
    }
}
