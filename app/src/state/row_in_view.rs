//! Brings the row of the selected span into view.

use leptos::prelude::*;
use throughline_wire::SpanId;

use super::view_memory::restored_view;
use super::{Folds, Outline};

/// The selected span whose row was brought into view last. The page owns it, so the page does not
/// scroll when the same trace is drawn again. Cheap to copy.
#[derive(Clone, Copy)]
pub(crate) struct RowInView(StoredValue<Option<SpanId>>);

impl RowInView {
    /// Creates the state of a page that has brought no row into view.
    pub(crate) fn new() -> Self {
        Self(StoredValue::new(None))
    }

    /// Brings the row of each newly selected span into view: unfolds the rows above it and scrolls
    /// to it if it is not visible. A page that restores its view after a reload or "back" keeps that
    /// view.
    ///
    /// # Server-Side Rendering
    /// On the server nothing happens.
    pub(crate) fn follow(self, outline: Outline, selected: ArcMemo<Option<SpanId>>, folds: Folds) {
        let restored = restored_view();
        Effect::new(move |_| {
            let selected = selected.get();
            if self.0.try_get_value() == Some(selected) {
                return;
            }
            self.0.set_value(selected);
            let Some(id) = selected.filter(|_| restored().is_none()) else {
                return;
            };
            // Not tracked: the user may fold these rows again.
            untrack(|| {
                if let Some(at) = outline.row_of(id) {
                    folds.reveal(&outline, at);
                }
            });
            request_animation_frame(move || scroll_to_row_of(id));
        });
    }
}

/// Scrolls to the row of a span, unless the row is visible.
fn scroll_to_row_of(id: SpanId) {
    let find = |selector: &str| document().query_selector(selector).ok().flatten();
    let Some(row) = find(&format!("[data-span=\"{id}\"]")) else {
        return;
    };
    let shown = row.get_bounding_client_rect();
    // The axis stays at the top while the rows are scrolled.
    let top = find(".axis").map_or(0.0, |axis| axis.get_bounding_client_rect().bottom());
    let window = window().inner_height().ok();
    let mut bottom = window.and_then(|height| height.as_f64()).unwrap_or(0.0);
    // On a narrow screen the pane covers the lower part of the rows.
    if let Some(pane) = find(".pane").map(|pane| pane.get_bounding_client_rect())
        && pane.left() <= shown.left()
    {
        bottom = bottom.min(pane.top());
    }
    if shown.top() < top.max(0.0) || shown.bottom() > bottom {
        let options = web_sys::ScrollIntoViewOptions::new();
        // The style of the row keeps a distance from the edge and from the pane.
        options.set_block(web_sys::ScrollLogicalPosition::Nearest);
        row.scroll_into_view_with_scroll_into_view_options(&options);
    }
}
