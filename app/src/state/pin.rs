//! Whether a trace is pinned and why, as far as this page knows.

use leptos::prelude::*;
use leptos::task::spawn_local;
use throughline_model::Pin;
use throughline_wire::TraceId;

use crate::api::{ApiError, pin_trace, unpin_trace};

/// What was done to a pin on the page.
#[derive(Clone, PartialEq, Eq)]
enum Change {
    None,
    Pinned(Pin),
    Unpinned,
}

/// The pin of the trace on a page, and what its reader does to it; owned by the page and cheap to
/// copy.
#[derive(Clone, Copy)]
pub(crate) struct PinState {
    /// The trace.
    trace_id: TraceId,
    /// What was done to it here.
    change: RwSignal<Change>,
    /// Whether a change is under way.
    pub(crate) is_busy: RwSignal<bool>,
    /// Why the last change failed.
    pub(crate) problem: RwSignal<Option<String>>,
    /// Whether the note is being written.
    pub(crate) is_writing: RwSignal<bool>,
}

impl PinState {
    /// Nothing was changed yet.
    pub(crate) fn new(trace_id: TraceId) -> Self {
        Self {
            trace_id,
            change: RwSignal::new(Change::None),
            is_busy: RwSignal::new(false),
            problem: RwSignal::new(None),
            is_writing: RwSignal::new(false),
        }
    }

    /// The pin now, which was `before` when the page was read.
    pub(crate) fn now(self, before: Option<&Pin>) -> Option<Pin> {
        match self.change.get() {
            Change::None => before.cloned(),
            Change::Pinned(pin) => Some(pin),
            Change::Unpinned => None,
        }
    }

    /// Pins it with this note, or changes the note.
    pub(crate) fn pin(self, note: String, and_ask_why: bool) {
        self.change(and_ask_why, async move {
            pin_trace(self.trace_id, note).await.map(Change::Pinned)
        });
    }

    /// Leaves it to the rules again.
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
            let _ = self.is_busy.try_set(false);
            let problem = answer.as_ref().err().map(ToString::to_string);
            let _ = self.problem.try_set(problem);
            if let Ok(change) = answer {
                let _ = self.change.try_set(change);
                let _ = self.is_writing.try_set(writes_next);
            }
        });
    }
}
