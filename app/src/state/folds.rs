//! The folded rows of a waterfall.

use std::collections::HashSet;

use leptos::prelude::*;
use throughline_model::TreeItem;
use throughline_wire::{SpanId, UnixNanos};

use super::Outline;

/// The identity of a row, independent of its position: it stays the same when the trace is read
/// again. The row of a missing parent has no start.
type Key = (SpanId, Option<UnixNanos>);

/// The folded rows of a page. The page owns them. Cheap to copy.
#[derive(Clone, Copy)]
pub(crate) struct Folds(RwSignal<HashSet<Key>>);

impl Folds {
    /// Creates the state with all rows unfolded.
    pub(crate) fn new() -> Self {
        Self(RwSignal::new(HashSet::new()))
    }

    /// Reports whether the row at index `at` is folded.
    pub(crate) fn has(self, outline: &Outline, at: usize) -> bool {
        key(outline, at).is_some_and(|key| self.0.with(|folded| folded.contains(&key)))
    }

    /// Returns whether each row is visible, by index.
    pub(crate) fn visible(self, outline: &Outline) -> Vec<bool> {
        self.0.with(|folded| {
            let is_folded = |at| key(outline, at).is_some_and(|key| folded.contains(&key));
            outline.tree.visible(is_folded)
        })
    }

    /// Folds or unfolds the row at index `at`. `wanted` is the new state. The default is the
    /// opposite of the current one.
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
