//! The pin of a trace and the user's changes to it on this page.

use leptos::prelude::*;
use leptos::task::spawn_local;
use throughline_model::Pin;
use throughline_wire::TraceId;

use super::PageSignal;
use crate::api::{ApiError, pin_trace, unpin_trace};

/// A change of the pin on this page.
#[derive(Clone, PartialEq, Eq)]
enum Change {
    None,
    Pinned(Pin),
    Unpinned,
}

/// The pin of the trace on a page and the user's changes to it. The page owns it. Cheap to copy.
#[derive(Clone, Copy)]
pub(crate) struct PinState {
    /// The trace.
    trace_id: TraceId,
    /// The last change on this page.
    change: PageSignal<Change>,
    /// True while a change is being saved.
    pub(crate) is_busy: PageSignal<bool>,
    /// The error of the last change.
    pub(crate) problem: PageSignal<Option<String>>,
    /// True while the note is being edited.
    pub(crate) is_writing: PageSignal<bool>,
}

impl PinState {
    /// Creates the state without a change.
    pub(crate) fn new(trace_id: TraceId) -> Self {
        Self {
            trace_id,
            change: PageSignal::new(Change::None),
            is_busy: PageSignal::new(false),
            problem: PageSignal::new(None),
            is_writing: PageSignal::new(false),
        }
    }

    /// Returns the current pin. `before` is the pin at the time the page was read.
    pub(crate) fn now(self, before: Option<&Pin>) -> Option<Pin> {
        match self.change.get() {
            Change::None => before.cloned(),
            Change::Pinned(pin) => Some(pin),
            Change::Unpinned => None,
        }
    }

    /// Pins the trace with this note, or changes the note.
    pub(crate) fn pin(self, note: String, and_ask_why: bool) {
        self.change(and_ask_why, async move {
            pin_trace(self.trace_id, note).await.map(Change::Pinned)
        });
    }

    /// Removes the pin. The retention rules apply again.
    pub(crate) fn unpin(self) {
        self.change(false, async move {
            let answer = unpin_trace(self.trace_id).await;
            answer.map(|()| Change::Unpinned)
        });
    }

    fn change(
        self,
        writes_next: bool,
        change: impl Future<Output = Result<Change, ApiError>> + 'static,
    ) {
        if self.is_busy.get_untracked() {
            return;
        }
        self.is_busy.set(true);
        spawn_local(async move {
            let answer = change.await;
            // The page may have been left meanwhile.
            self.is_busy.try_set(false);
            let problem = answer.as_ref().err().map(ToString::to_string);
            self.problem.try_set(problem);
            if let Ok(change) = answer {
                self.change.try_set(change);
                self.is_writing.try_set(writes_next);
            }
        });
    }
}
