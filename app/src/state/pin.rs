//! Whether a trace is pinned, as far as this page knows.

use leptos::prelude::*;

/// What the reader of a page did to its pin; cheap to copy.
#[derive(Clone, Copy)]
pub(crate) struct PinState {
    /// Whether it is pinned now, once that was changed here.
    pub(crate) changed: RwSignal<Option<bool>>,
    /// Whether a change is under way.
    pub(crate) is_busy: RwSignal<bool>,
    /// Why the last change failed.
    pub(crate) problem: RwSignal<Option<String>>,
}

impl PinState {
    /// Nothing was changed yet.
    pub(crate) fn new() -> Self {
        Self {
            changed: RwSignal::new(None),
            is_busy: RwSignal::new(false),
            problem: RwSignal::new(None),
        }
    }
}
