//! The folded rows of a waterfall.

use std::collections::HashSet;

use leptos::prelude::*;
use throughline_model::TreeItem;

use super::view_memory::{FoldedRow, restored_view};
use super::{Outline, PageSignal, ViewMemory};

/// The folded rows of a page. The page owns them. Cheap to copy.
#[derive(Clone, Copy)]
pub(crate) struct Folds(PageSignal<HashSet<FoldedRow>>);

impl Folds {
    /// Creates the state with all rows unfolded. In the browser, a reload and "back" fold the rows
    /// again that were folded.
    pub(crate) fn new() -> Self {
        let folds = Self(PageSignal::new(HashSet::new()));
        let restored = restored_view();
        Effect::new(move |_| {
            if let Some(view) = restored() {
                folds.0.set(view.folded.into_iter().collect());
            }
        });
        folds
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

    /// Unfolds the rows above the row at index `at` that hide it.
    pub(crate) fn reveal(self, outline: &Outline, at: usize) {
        let rows = &outline.tree.rows;
        let hides = |above: &usize| {
            let size = rows.get(*above).map_or(1, |row| row.size as usize);
            above + size > at && self.has(outline, *above)
        };
        let hiding: Vec<_> = (0..at.min(rows.len())).filter(hides).collect();
        for above in hiding {
            self.toggle(outline, above, Some(false));
        }
    }

    /// Folds or unfolds the row at index `at`. `wanted` is the new state. The default is the
    /// opposite of the current one.
    pub(crate) fn toggle(self, outline: &Outline, at: usize, wanted: Option<bool>) {
        let Some(key) = key(outline, at) else {
            return;
        };
        self.0.try_update(|folded| {
            if wanted.unwrap_or(!folded.contains(&key)) {
                folded.insert(key);
            } else {
                folded.remove(&key);
            }
            ViewMemory::keep_folded(folded.iter().copied());
        });
    }
}

fn key(outline: &Outline, at: usize) -> Option<FoldedRow> {
    match outline.tree.rows.get(at)?.item {
        TreeItem::Span(index) => {
            let span = outline.skeleton.spans.get(index)?;
            Some((span.span_id, Some(span.start)))
        }
        TreeItem::MissingParent(id) => Some((id, None)),
    }
}
