//! The state that the page of a trace owns, and the code that reads the trace again.

use leptos::prelude::*;
use leptos::task::spawn_local;
use throughline_model::{EventPage, SpansOfId, TraceSkeleton, TraceTree};
use throughline_wire::{SpanId, TraceId};

use crate::api::{ApiError, Dated, get_span_details, get_trace_skeleton, list_span_events};
use crate::state::{
    Folds, LiveTrace, Outline, PageSignal, PinState, RowInView, ScrollAnchor, Selection,
};

/// A trace and the time at which it was read.
pub(super) type Read = Result<Dated<Option<TraceSkeleton>>, ApiError>;

/// The spans with the selected id, and their log records.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct Details {
    pub(super) spans: SpansOfId,
    /// The log records, or the error if they cannot be read.
    pub(super) logs: Result<EventPage, ApiError>,
}

impl Default for Details {
    fn default() -> Self {
        Self {
            spans: SpansOfId::default(),
            logs: Ok(EventPage::default()),
        }
    }
}

/// The state that lives as long as the page. Cheap to copy.
#[derive(Clone, Copy)]
pub(super) struct PageState {
    /// The selection in the URL.
    pub(super) selection: Memo<Selection>,
    /// The span that is shown if the URL selects none.
    pub(super) by_default: StoredValue<Option<SpanId>>,
    /// The folded rows.
    pub(super) folds: Folds,
    /// The row that was brought into view last.
    pub(super) row_in_view: RowInView,
    /// The state of the pin.
    pub(super) pin: PinState,
    /// The live updates since the last read.
    pub(super) live: LiveTrace,
    /// The address of the list from which the user came, with its filter.
    pub(super) list_address: PageSignal<String>,
}

impl PageState {
    /// Returns the span to show.
    pub(super) fn selected(self, outline: &Outline) -> Option<SpanId> {
        let selection = self.selection.get();
        selection.resolve_once(&outline.skeleton, &outline.tree, self.by_default)
    }

    /// Reads the data of the pane.
    pub(super) async fn read_details(self, skeleton: &TraceSkeleton) -> Result<Details, ApiError> {
        let selection = self.selection.try_get_untracked().unwrap_or_default();
        let tree = TraceTree::of(skeleton);
        let Some(span_id) = selection.resolve_once(skeleton, &tree, self.by_default) else {
            return Ok(Details::default());
        };
        let trace_id = skeleton.summary.trace_id;
        let spans = get_span_details(trace_id, span_id).await?;
        let logs = list_span_events(trace_id, span_id).await;
        Ok(Details { spans, logs })
    }
}

/// Reads the trace and the pane again, both before either is shown. Cheap to copy.
#[derive(Clone, Copy)]
pub(super) struct Refresh {
    id: TraceId,
    skeleton: Resource<Read>,
    details: Resource<Result<Details, ApiError>>,
    is_under_way: StoredValue<bool>,
}

impl Refresh {
    pub(super) fn new(
        id: TraceId,
        skeleton: Resource<Read>,
        details: Resource<Result<Details, ApiError>>,
    ) -> Self {
        Self {
            id,
            skeleton,
            details,
            is_under_way: StoredValue::new(false),
        }
    }

    /// Reads once at a time. Keeps the user's scroll position, selected span and folded rows.
    pub(super) fn read(self, state: PageState) {
        if self.is_under_way.try_get_value() != Some(false) {
            return;
        }
        self.is_under_way.set_value(true);
        spawn_local(async move {
            let selection = state.selection.get_untracked();
            let read = get_trace_skeleton(self.id).await;
            let details = match &read {
                Ok(Dated {
                    value: Some(skeleton),
                    ..
                }) => Some(state.read_details(skeleton).await),
                // Keep the current content: it is better than none.
                _ => None,
            };
            // The page may have been left meanwhile.
            let Some(now_selected) = state.selection.try_get_untracked() else {
                return;
            };
            self.is_under_way.set_value(false);
            let Some(details) = details else {
                return;
            };
            let place = ScrollAnchor::take();
            if now_selected == selection {
                self.details.set(Some(details));
            }
            self.skeleton.set(Some(read));
            if let Some(place) = place {
                place.put_back();
            }
        });
    }
}
